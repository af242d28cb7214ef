// Asks a Kafka broker what topics and brokers can be configured with, and which values it takes,
// and writes the answers as tables. Usage: Record BOOTSTRAP BROKER_ID DIRECTORY

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.protocol.Errors;

public class Record {
    static final ConfigResource TOPIC = new ConfigResource(ConfigResource.Type.TOPIC, "oracle");

    /** What is done to configs of the topic, one row each: operation, name, value; several joined by |. */
    static final String[] CASES = {
        "SET retention.ms=abc", "SET retention.ms=-2", "SET retention.ms=-1", "SET retention.ms= 5 ", "SET retention.ms=+5",
        "SET retention.ms=9223372036854775807", "SET retention.ms=9223372036854775808", "SET retention.ms=1.5", "SET retention.ms=",
        "SET segment.bytes=5", "SET segment.bytes=1048575", "SET segment.bytes=1048576", "SET segment.bytes=x",
        "SET segment.bytes=2147483647", "SET segment.bytes=2147483648",
        "SET cleanup.policy=foo", "SET cleanup.policy=", "SET cleanup.policy=compact,delete", "SET cleanup.policy=compact, delete",
        "SET cleanup.policy=delete,delete", "SET cleanup.policy=delete,", "SET cleanup.policy=,delete", "SET cleanup.policy=DELETE",
        "SET compression.type=foo", "SET compression.type=none", "SET compression.type=", "SET compression.type=Gzip",
        "SET compression.type=uncompressed", "SET compression.type=zstd", "SET compression.type=lz4", "SET compression.type=snappy",
        "SET compression.gzip.level=0", "SET compression.gzip.level=10", "SET compression.gzip.level=-1",
        "SET compression.gzip.level=-2", "SET compression.gzip.level=9", "SET compression.gzip.level=1",
        "SET compression.lz4.level=0", "SET compression.lz4.level=17", "SET compression.lz4.level=18",
        "SET compression.zstd.level=-131072", "SET compression.zstd.level=-131073", "SET compression.zstd.level=22",
        "SET compression.zstd.level=23", "SET compression.zstd.level=0",
        "SET message.timestamp.type=foo", "SET message.timestamp.type=LogAppendTime", "SET message.timestamp.type=logappendtime",
        "SET message.timestamp.before.max.ms=-1", "SET message.timestamp.after.max.ms=-1", "SET message.timestamp.after.max.ms=0",
        "SET min.cleanable.dirty.ratio=1.5", "SET min.cleanable.dirty.ratio=-0.1", "SET min.cleanable.dirty.ratio=NaN",
        "SET min.cleanable.dirty.ratio=nan", "SET min.cleanable.dirty.ratio=x", "SET min.cleanable.dirty.ratio=0.0001",
        "SET min.cleanable.dirty.ratio=1", "SET min.cleanable.dirty.ratio=.25", "SET min.cleanable.dirty.ratio=1e-5",
        "SET min.cleanable.dirty.ratio=Infinity", "SET min.cleanable.dirty.ratio=inf",
        "SET min.insync.replicas=0", "SET min.insync.replicas=2", "SET preallocate=yes", "SET preallocate=TRUE", "SET preallocate=",
        "SET unclean.leader.election.enable=maybe", "SET max.message.bytes=-1", "SET max.message.bytes=0",
        "SET flush.messages=0", "SET flush.ms=-1", "SET segment.ms=0", "SET segment.jitter.ms=-1", "SET segment.index.bytes=3",
        "SET index.interval.bytes=-1", "SET delete.retention.ms=-1", "SET min.compaction.lag.ms=-1", "SET max.compaction.lag.ms=0",
        "SET file.delete.delay.ms=-1", "SET local.retention.ms=-3", "SET local.retention.bytes=-3", "SET remote.storage.enable=true",
        "SET remote.log.copy.disable=true", "SET remote.log.delete.on.disable=x",
        "SET leader.replication.throttled.replicas=*", "SET leader.replication.throttled.replicas=0:1",
        "SET leader.replication.throttled.replicas=0:1,1:2", "SET leader.replication.throttled.replicas=foo",
        "SET leader.replication.throttled.replicas=", "SET leader.replication.throttled.replicas=*,0:1",
        "SET leader.replication.throttled.replicas=0:", "SET follower.replication.throttled.replicas=a:b",
        "SET follower.replication.throttled.replicas=none", "SET follower.replication.throttled.replicas=0:1,0:1",
        "SET internal.segment.bytes=100", "SET internal.segment.bytes=x", "SET unknown.key=1", "SET message.format.version=3.0",
        "SET message.downconversion.enable=true", "SET retention.bytes=-5", "SET retention.bytes=x", "SET =",
        "SET min.compaction.lag.ms=10|SET max.compaction.lag.ms=5", "SET min.compaction.lag.ms=5|SET max.compaction.lag.ms=5",
        "APPEND cleanup.policy=compact", "SUBTRACT cleanup.policy=delete", "APPEND retention.ms=5", "SUBTRACT retention.ms=5",
        "APPEND cleanup.policy=delete,compact", "APPEND cleanup.policy=foo", "SUBTRACT cleanup.policy=compact", "DELETE retention.ms=",
        "DELETE unknown=", "APPEND unknown=x", "SUBTRACT unknown=x", "APPEND leader.replication.throttled.replicas=0:1",
        "SUBTRACT leader.replication.throttled.replicas=0:1", "APPEND compression.type=gzip",
    };

    public static void main(String[] args) throws Exception {
        Path directory = Path.of(args[2]);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
            admin.createTopics(List.of(new NewTopic("oracle", 1, (short) 1))).all().get();
            describe(admin, TOPIC, directory.resolve("topic.tsv"));
            describe(admin, new ConfigResource(ConfigResource.Type.BROKER, args[1]), directory.resolve("broker.tsv"));
            alter(admin, directory.resolve("values.tsv"));
        }
    }

    static void describe(Admin admin, ConfigResource resource, Path file) throws Exception {
        var options = new DescribeConfigsOptions().includeSynonyms(true);
        var entries = new ArrayList<>(admin.describeConfigs(List.of(resource), options).all().get().get(resource).entries());
        entries.sort(Comparator.comparing(ConfigEntry::name));
        try (PrintWriter out = new PrintWriter(Files.newBufferedWriter(file))) {
            out.println("# name\ttype\tvalue\tsource\twritable\tsensitive\tsynonyms");
            for (ConfigEntry entry : entries) {
                StringBuilder synonyms = new StringBuilder();
                for (var synonym : entry.synonyms()) {
                    synonyms.append(synonyms.isEmpty() ? "" : " ");
                    synonyms.append(synonym.name()).append('=').append(synonym.value()).append('@').append(synonym.source());
                }
                // What lies where on this machine is no fact about Kafka.
                boolean isPlace = entry.name().equals("log.dirs") || entry.name().equals("log.dir");
                out.println(String.join("\t", entry.name(), entry.type().toString(), isPlace ? "-" : String.valueOf(entry.value()),
                    entry.source().toString(), String.valueOf(!entry.isReadOnly()), String.valueOf(entry.isSensitive()),
                    isPlace ? "-" : synonyms.toString()));
            }
        }
    }

    static void alter(Admin admin, Path file) throws Exception {
        try (PrintWriter out = new PrintWriter(Files.newBufferedWriter(file))) {
            out.println("# what was asked\terror\tmessage, or the value that is then described and where it comes from");
            for (String line : CASES) {
                List<AlterConfigOp> ops = new ArrayList<>();
                for (String one : line.split("\\|")) {
                    String[] parts = one.split(" ", 2);
                    String[] pair = parts[1].split("=", 2);
                    ops.add(new AlterConfigOp(new ConfigEntry(pair[0], pair[1]), OpType.valueOf(parts[0])));
                }
                out.println(line + "\t" + attempt(admin, ops));
            }
        }
    }

    static String attempt(Admin admin, List<AlterConfigOp> ops) throws Exception {
        try {
            admin.incrementalAlterConfigs(Map.of(TOPIC, ops)).all().get();
        } catch (ExecutionException error) {
            return Errors.forException(error.getCause()).name() + "\t" + error.getCause().getMessage();
        }
        String name = ops.get(0).configEntry().name();
        settle(admin);
        ConfigEntry entry = admin.describeConfigs(List.of(TOPIC)).all().get().get(TOPIC).get(name);
        String described = entry == null ? "absent" : entry.value() + "@" + entry.source();
        List<AlterConfigOp> undo = new ArrayList<>();
        for (AlterConfigOp op : ops) {
            undo.add(new AlterConfigOp(new ConfigEntry(op.configEntry().name(), ""), OpType.DELETE));
        }
        admin.incrementalAlterConfigs(Map.of(TOPIC, undo)).all().get();
        settle(admin);
        return "NONE\t" + described;
    }

    /** What the controller has done reaches the broker a little later: a later change is seen after it. */
    static void settle(Admin admin) throws Exception {
        String mark = String.valueOf(System.nanoTime() / 1000 % 1_000_000_000);
        var op = new AlterConfigOp(new ConfigEntry("file.delete.delay.ms", mark), OpType.SET);
        var marked = new NewTopic("marked", 1, (short) 1);
        try {
            admin.createTopics(List.of(marked)).all().get();
        } catch (ExecutionException error) {
            // It is there from the first time.
        }
        var resource = new ConfigResource(ConfigResource.Type.TOPIC, "marked");
        admin.incrementalAlterConfigs(Map.of(resource, List.of(op))).all().get();
        for (int tries = 0; tries < 1000; tries++) {
            if (admin.describeConfigs(List.of(resource)).all().get().get(resource).get("file.delete.delay.ms").value().equals(mark)) {
                return;
            }
            Thread.sleep(10);
        }
        throw new IllegalStateException("the broker does not follow its controller");
    }
}
