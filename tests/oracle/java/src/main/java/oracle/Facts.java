package oracle;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;

/**
 * What Kafka's classes say of every field: its place, type, versions, nullability, tag, default, and
 * whether a value may be left out silently where a version lacks the field (found by trying).
 */
final class Facts {
    /** One field, gathered over the versions. */
    private static final class Fact {
        final List<String> path;
        final Field field;
        final String type;
        final String initial;
        final TreeSet<Integer> versions = new TreeSet<>();
        final TreeSet<Integer> nullable = new TreeSet<>();
        final TreeSet<Integer> tags = new TreeSet<>();

        Fact(List<String> path, Field field, String type, String initial) {
            this.path = path;
            this.field = field;
            this.type = type;
            this.initial = initial;
        }
    }

    private final Class<?> root;
    private final Map<String, Fact> facts = new LinkedHashMap<>();
    private final int min;
    private final int max;

    Facts(Class<?> root, Schema[] schemas, int min, int max) throws ReflectiveOperationException {
        this.root = root;
        this.min = min;
        this.max = max;
        for (int version = min; version <= max; version++) {
            gather(root, schemas[version], version, List.of());
        }
    }

    /** The facts, one a line, sorted by the path of the field. */
    List<String> lines(String direction) throws ReflectiveOperationException {
        List<String> lines = new ArrayList<>();
        for (Fact fact : facts.values()) {
            lines.add(String.join(" ", "fact", direction, String.join(".", fact.path), fact.type,
                "versions", range(fact.versions), "null", range(fact.nullable),
                "tag", range(fact.tags), "default", fact.initial, "ignorable", ignorable(fact)));
        }
        lines.sort(null);
        return lines;
    }

    private void gather(Class<?> message, Schema schema, int version, List<String> parents)
            throws ReflectiveOperationException {
        for (BoundField bound : schema.fields()) {
            if (bound.def.type instanceof TaggedFields) {
                Map<Integer, Field> tagged = ((TaggedFields) bound.def.type).fields();
                for (Map.Entry<Integer, Field> entry : tagged.entrySet()) {
                    gather(message, entry.getValue(), version, parents).tags.add(entry.getKey());
                }
            } else {
                gather(message, bound.def, version, parents);
            }
        }
    }

    private Fact gather(Class<?> message, Field field, int version, List<String> parents)
            throws ReflectiveOperationException {
        List<String> path = new ArrayList<>(parents);
        path.add(field.name);
        String key = String.join(".", path);
        Fact fact = facts.get(key);
        if (fact == null) {
            Object initial = Shape.get(Shape.make(message), field.name);
            fact = new Fact(path, field, type(field.type), initial(initial));
            facts.put(key, fact);
        }
        fact.versions.add(version);
        if (Shape.nullable(message, field, version)) {
            fact.nullable.add(version);
        }
        java.lang.reflect.Field holder = Shape.field(message, field.name);
        Type element = field.type.arrayElementType().orElse(field.type);
        if (element instanceof Schema) {
            Class<?> child = element == field.type ? holder.getType() : Shape.element(holder);
            gather(child, (Schema) element, version, path);
        }
        return fact;
    }

    private static String type(Type type) {
        if (type.arrayElementType().isPresent()) {
            return "[]" + type(type.arrayElementType().get());
        }
        return type instanceof Schema ? "struct" : Generator.kind(type);
    }

    private static String initial(Object value) {
        if (value == null) {
            return "null";
        }
        if (value instanceof String || value instanceof byte[]
                || value instanceof java.nio.ByteBuffer) {
            return "empty";
        }
        if (value instanceof Collection) {
            return "[]";
        }
        if (value instanceof Uuid) {
            return "0";
        }
        return value instanceof Message ? "{}" : value.toString();
    }

    private static String range(TreeSet<Integer> numbers) {
        if (numbers.isEmpty()) {
            return "-";
        }
        int first = numbers.first();
        int last = numbers.last();
        if (last - first + 1 != numbers.size()) {
            throw new IllegalStateException("a range with holes: " + numbers);
        }
        return first == last ? "" + first : first + "-" + last;
    }

    /** Writes a message with nothing set but the field, in a version that has all but the field. */
    private String ignorable(Fact fact) throws ReflectiveOperationException {
        for (int version = min; version <= max; version++) {
            boolean parents = true;
            for (int depth = 1; depth < fact.path.size(); depth++) {
                String parent = String.join(".", fact.path.subList(0, depth));
                parents &= facts.get(parent).versions.contains(version);
            }
            if (!parents || fact.versions.contains(version)) {
                continue;
            }
            Object message = Shape.make(root);
            plant(message, fact, 0);
            try {
                MessageUtil.toByteBufferAccessor((Message) message, (short) version);
                return "yes";
            } catch (UnsupportedVersionException refusal) {
                return "no";
            }
        }
        return "unseen";
    }

    private void plant(Object message, Fact fact, int depth) throws ReflectiveOperationException {
        String name = fact.path.get(depth);
        if (depth == fact.path.size() - 1) {
            Generator generator = new Generator(1, max);
            Shape.set(message, name, generator.value(message, fact.field, Generator.Mode.FULL));
            return;
        }
        java.lang.reflect.Field holder = Shape.field(message.getClass(), name);
        if (Message.class.isAssignableFrom(holder.getType())) {
            Object child = Shape.make(holder.getType());
            plant(child, fact, depth + 1);
            holder.set(message, child);
            return;
        }
        Object child = Shape.make(Shape.element(holder));
        plant(child, fact, depth + 1);
        Object collection = Shape.collection(holder);
        Shape.add(collection, child);
        holder.set(message, collection);
    }
}
