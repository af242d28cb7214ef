package oracle;

import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.Locale;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.utils.ImplicitLinkedHashCollection;

/** Finds, for a field of a schema, the field of the message class that holds it. */
final class Shape {
    private Shape() {
    }

    static Field field(Class<?> message, String schemaName) {
        String wanted = schemaName.replace("_", "").toLowerCase(Locale.ROOT);
        for (Field field : message.getDeclaredFields()) {
            if (field.getName().toLowerCase(Locale.ROOT).equals(wanted)) {
                field.setAccessible(true);
                return field;
            }
        }
        throw new IllegalStateException(message + " has no " + schemaName);
    }

    static Object get(Object message, String schemaName) throws ReflectiveOperationException {
        return field(message.getClass(), schemaName).get(message);
    }

    static void set(Object message, String schemaName, Object value)
            throws ReflectiveOperationException {
        field(message.getClass(), schemaName).set(message, value);
    }

    /**
     * Whether the field may be null in a version. The schema of a tagged struct does not say; what
     * the class does with a null there does.
     */
    static boolean nullable(Class<?> message, org.apache.kafka.common.protocol.types.Field field,
            int version) throws ReflectiveOperationException {
        if (field.type.isNullable()) {
            return true;
        }
        if (!(field.type instanceof Schema)) {
            return false;
        }
        Object made = make(message);
        set(made, field.name, null);
        try {
            MessageUtil.toByteBufferAccessor((Message) made, (short) version);
            return true;
        } catch (NullPointerException refusal) {
            return false;
        }
    }

    static Object make(Class<?> type) throws ReflectiveOperationException {
        return type.getDeclaredConstructor().newInstance();
    }

    /** The class of the elements of a collection field. */
    static Class<?> element(Field field) {
        Type type = field.getGenericType();
        if (!(type instanceof ParameterizedType)) {
            type = field.getType().getGenericSuperclass();
        }
        return (Class<?>) ((ParameterizedType) type).getActualTypeArguments()[0];
    }

    /** An empty collection that the field can hold. */
    static Object collection(Field field) throws ReflectiveOperationException {
        return ImplicitLinkedHashCollection.class.isAssignableFrom(field.getType())
            ? make(field.getType())
            : new java.util.ArrayList<>();
    }

    static void add(Object collection, Object element) throws ReflectiveOperationException {
        Method add = java.util.Collection.class.getMethod("add", Object.class);
        add.invoke(collection, element);
    }
}
