package oracle;

import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.coordinator.group.generated.CoordinatorRecordType;

/** What Kafka's classes say of a record of the group coordinator, and make of it. */
final class Records {
    /** Added to the type for the seeds of the generator, so that they are no API's. */
    private static final int SEEDS = 10_000;

    private Records() {
    }

    static String page(String name) throws Exception {
        for (CoordinatorRecordType type : CoordinatorRecordType.values()) {
            if (type.newRecordKey().getClass().getSimpleName().equals(name + "Key")) {
                return page(name, type);
            }
        }
        throw new IllegalStateException("no record " + name);
    }

    private static String page(String name, CoordinatorRecordType type) throws Exception {
        List<String> lines = new ArrayList<>();
        ApiMessage key = type.newRecordKey();
        ApiMessage value = type.newRecordValue();
        lines.add("record " + type.id() + " " + name + " key " + range(key)
            + " value " + range(value));
        part(lines, "key", key, type.id() * 2);
        part(lines, "value", value, type.id() * 2 + 1);
        return String.join("\n", lines) + "\n";
    }

    private static String range(ApiMessage message) {
        return message.lowestSupportedVersion() + "-" + message.highestSupportedVersion();
    }

    private static void part(List<String> lines, String part, ApiMessage message, int seed)
            throws Exception {
        Schema[] schemas = (Schema[]) message.getClass().getField("SCHEMAS").get(null);
        int min = message.lowestSupportedVersion();
        int max = message.highestSupportedVersion();
        lines.addAll(new Facts(message.getClass(), schemas, min, max).lines(part));
        for (int version = min; version <= max; version++) {
            Main.messages(lines, message.getClass(), schemas[version], part, version,
                (SEEDS + seed) * 1_000L + version * 2L);
        }
    }
}
