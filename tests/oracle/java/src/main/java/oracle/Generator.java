package oracle;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.zip.CRC32C;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.MemoryRecords;

/**
 * Makes messages of a version, in the order of draws that the README states. The schemas and the
 * classes that it walks over are Kafka's own.
 */
final class Generator {
    /** What the fields of a message are to be. */
    enum Mode { DEFAULT, FULL, NULL, MIXED }

    private final int version;
    private Rng rng;

    Generator(long seed, int version) {
        rng = new Rng(seed);
        this.version = version;
    }

    static Mode mode(int index) {
        return index < 3 ? Mode.values()[index] : Mode.MIXED;
    }

    Object struct(Class<?> type, Schema schema, Mode mode) throws ReflectiveOperationException {
        Object message = Shape.make(type);
        for (BoundField bound : schema.fields()) {
            if (bound.def.type instanceof TaggedFields) {
                Map<Integer, Field> tagged = ((TaggedFields) bound.def.type).fields();
                for (Field field : new java.util.TreeMap<>(tagged).values()) {
                    pick(message, field, mode);
                }
                unknown((Message) message, mode);
            } else {
                pick(message, bound.def, mode);
            }
        }
        return message;
    }

    private void pick(Object message, Field field, Mode mode) throws ReflectiveOperationException {
        CRC32C name = new CRC32C();
        name.update(field.name.getBytes(StandardCharsets.UTF_8));
        rng = new Rng(rng.next() ^ name.getValue());
        int roll = switch (mode) {
            case DEFAULT -> 0;
            case FULL -> 3;
            case NULL -> 2;
            case MIXED -> rng.below(8);
        };
        if (roll < 2) {
            return;
        }
        if (roll == 2 && Shape.nullable(message.getClass(), field, version)) {
            Shape.set(message, field.name, null);
            return;
        }
        Shape.set(message, field.name, value(message, field, mode));
    }

    /** A value of the field that is not its default. */
    Object value(Object message, Field field, Mode mode) throws ReflectiveOperationException {
        java.lang.reflect.Field holder = Shape.field(message.getClass(), field.name);
        if (field.type.arrayElementType().isPresent()) {
            return array(holder, field.type.arrayElementType().get(), mode);
        }
        if (field.type instanceof Schema) {
            return struct(holder.getType(), (Schema) field.type, mode);
        }
        return scalar(kind(field.type), holder.get(message), holder.getType());
    }

    private Object array(java.lang.reflect.Field holder, Type element, Mode mode)
            throws ReflectiveOperationException {
        Object collection = Shape.collection(holder);
        if (element instanceof Schema) {
            int count = 1 + rng.below(2);
            for (int index = 0; index < count; index++) {
                Shape.add(collection, struct(Shape.element(holder), (Schema) element, mode));
            }
            return collection;
        }
        int count = rng.below(16) == 0 ? 130 : 1 + rng.below(3);
        Class<?> type = Shape.element(holder);
        for (int index = 0; index < count; index++) {
            boolean zero = rng.below(4) == 0;
            Object initial = initial(kind(element), type);
            Shape.add(collection, zero ? initial : scalar(kind(element), initial, type));
        }
        return collection;
    }

    /** The schema's name of a type, without its form: {@code int32}, {@code string} and so on. */
    static String kind(Type type) {
        return type.toString().toLowerCase(java.util.Locale.ROOT)
            .replace("compact_", "").replace("nullable_", "");
    }

    private static Object initial(String kind, Class<?> type) {
        return switch (kind) {
            case "boolean" -> false;
            case "int8" -> (byte) 0;
            case "int16" -> (short) 0;
            case "int32" -> 0;
            case "int64" -> 0L;
            case "float64" -> 0.0;
            case "string" -> "";
            case "uuid" -> Uuid.ZERO_UUID;
            default -> throw new IllegalStateException("arrays of " + kind + " in " + type);
        };
    }

    private Object scalar(String kind, Object initial, Class<?> type) {
        return switch (kind) {
            case "boolean" -> !(Boolean) initial;
            case "int8" -> (byte) integer(8, ((Byte) initial).longValue());
            case "int16" -> (short) integer(16, ((Short) initial).longValue());
            case "int32" -> (int) integer(32, ((Integer) initial).longValue());
            case "int64" -> integer(64, (Long) initial);
            case "float64" -> integer(32, 0) / 2.0;
            case "string" -> string();
            case "uuid" -> new Uuid(rng.next(), rng.next());
            case "records" -> MemoryRecords.readableRecords(ByteBuffer.wrap(bytes()));
            case "bytes" -> type == ByteBuffer.class ? ByteBuffer.wrap(bytes()) : bytes();
            default -> throw new IllegalStateException(kind);
        };
    }

    private long integer(int bits, long initial) {
        long value = switch (rng.below(4)) {
            case 0 -> 1;
            case 1 -> -1L >>> (65 - bits);
            case 2 -> -1L << (bits - 1);
            default -> rng.next() << (64 - bits) >> (64 - bits);
        };
        return value == initial ? value ^ 1 : value;
    }

    private String string() {
        int length = rng.below(16) == 0 ? 130 : 1 + rng.below(6);
        StringBuilder string = new StringBuilder();
        for (int index = 0; index < length; index++) {
            int letter = rng.below(27);
            string.append(letter == 26 ? 'é' : (char) ('a' + letter));
        }
        return string.toString();
    }

    private byte[] bytes() {
        return bytes(rng.below(16) == 0 ? 130 : 1 + rng.below(8));
    }

    private byte[] bytes(int length) {
        byte[] bytes = new byte[length];
        for (int index = 0; index < length; index++) {
            bytes[index] = (byte) rng.below(256);
        }
        return bytes;
    }

    private void unknown(Message message, Mode mode) {
        int count = switch (mode) {
            case DEFAULT, NULL -> 0;
            case FULL -> 1;
            case MIXED -> rng.below(4) == 0 ? 1 + rng.below(2) : 0;
        };
        for (int index = 0; index < count; index++) {
            int tag = (index == 0 ? 1_000 : 100_000) + rng.below(100);
            message.unknownTaggedFields().add(new RawTaggedField(tag, bytes(rng.below(12))));
        }
    }
}
