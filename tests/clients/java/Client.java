// The Java client, of whichever version it is compiled against; the protocol is told in programs.py.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeTopicsResult;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.AppInfoParser;

public class Client {
    static final ObjectMapper JSON = new ObjectMapper();
    static final PrintStream OUT = System.out;
    static String address;
    static Member member;

    public static void main(String[] arguments) throws Exception {
        address = arguments[1];
        // Loggers write to the standard output, which is for answers alone.
        System.setOut(System.err);
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            ObjectNode answer = JSON.createObjectNode();
            try {
                carryOut(JSON.readTree(line), answer);
            } catch (ExecutionException error) {
                answer.put("error", error.getCause().getClass().getSimpleName());
            } catch (Exception error) {
                answer.put("error", error.toString());
            }
            say(answer);
        }
        // Threads of old clients outlive their owners.
        System.exit(0);
    }

    static void say(ObjectNode line) throws Exception {
        String text = JSON.writeValueAsString(line);
        synchronized (OUT) {
            OUT.println(text);
            OUT.flush();
        }
    }

    static void carryOut(JsonNode command, ObjectNode answer) throws Exception {
        switch (command.get("do").asText()) {
            case "produce": produce(command, answer); break;
            case "read": read(command, answer); break;
            case "join":
                member = new Member(command);
                member.start();
                answer.put("joined", true);
                break;
            case "leave":
                member.leave();
                answer.put("left", true);
                break;
            case "admin":
                try (Admin admin = Admin.create(config())) {
                    answer.put("answer", admin(admin, command));
                }
                break;
            default: throw new IllegalArgumentException("no such command");
        }
    }

    static Map<String, Object> config() {
        var config = new HashMap<String, Object>();
        config.put("bootstrap.servers", address);
        config.put("reconnect.backoff.max.ms", 200);
        return config;
    }

    static byte[] bytes(JsonNode text) {
        return text.isNull() ? null : Base64.getDecoder().decode(text.asText());
    }

    static String text(byte[] bytes) {
        return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
    }

    static void produce(JsonNode command, ObjectNode answer) throws Exception {
        var config = config();
        config.put("compression.type", command.get("codec").asText());
        config.put("linger.ms", 20);
        var futures = new ArrayList<Future<?>>();
        try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (JsonNode record : command.get("records")) {
                var headers = new ArrayList<Header>();
                record.get("headers").forEach(header -> headers.add(new RecordHeader(header.get(0).asText(), bytes(header.get(1)))));
                futures.add(producer.send(new ProducerRecord<>(command.get("topic").asText(), 0, record.get("time").asLong(),
                        bytes(record.get("key")), bytes(record.get("value")), headers)));
            }
            for (Future<?> future : futures) {
                future.get();
            }
        }
        answer.put("produced", futures.size());
    }

    static KafkaConsumer<byte[], byte[]> consumer(Map<String, Object> config) {
        config.put("enable.auto.commit", false);
        config.put("auto.offset.reset", "earliest");
        return new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static void read(JsonNode command, ObjectNode answer) {
        ArrayNode records = answer.putArray("records");
        try (var consumer = consumer(config())) {
            var partition = List.of(new TopicPartition(command.get("topic").asText(), 0));
            consumer.assign(partition);
            consumer.seekToBeginning(partition);
            long deadline = System.currentTimeMillis() + 30_000;
            while (records.size() < command.get("count").asInt() && System.currentTimeMillis() < deadline) {
                for (ConsumerRecord<byte[], byte[]> read : consumer.poll(Duration.ofSeconds(1))) {
                    ObjectNode record = records.addObject();
                    record.put("offset", read.offset()).put("time", read.timestamp());
                    record.put("key", text(read.key())).put("value", text(read.value()));
                    ArrayNode headers = record.putArray("headers");
                    read.headers().forEach(header -> headers.addArray().add(header.key()).add(text(header.value())));
                }
            }
        }
    }

    /** One consumer of a group. It tells what it read, commits it, and reads on. */
    static class Member extends Thread {
        final KafkaConsumer<byte[], byte[]> consumer;
        volatile boolean leaves;

        Member(JsonNode command) {
            var config = config();
            config.put("group.id", command.get("group").asText());
            config.put("session.timeout.ms", command.get("session").asInt());
            config.put("heartbeat.interval.ms", 500);
            config.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer.RangeAssignor");
            consumer = consumer(config);
            consumer.subscribe(List.of(command.get("topic").asText()));
        }

        @Override
        public void run() {
            try {
                while (!leaves) {
                    ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(100));
                    if (records.isEmpty()) {
                        continue;
                    }
                    ObjectNode told = JSON.createObjectNode();
                    ArrayNode values = told.putArray("saw");
                    records.forEach(record -> values.add(new String(record.value(), StandardCharsets.UTF_8)));
                    say(told);
                    try {
                        consumer.commitSync();
                    } catch (CommitFailedException | RebalanceInProgressException error) {
                        // What was read is read again, by whoever has the partition.
                    }
                }
            } catch (Exception error) {
                error.printStackTrace();
            } finally {
                consumer.close();
            }
        }

        void leave() throws InterruptedException {
            leaves = true;
            join();
        }
    }

    /** What 2.8 calls all(), and 4.x allTopicNames(). */
    @SuppressWarnings("unchecked")
    static Map<String, TopicDescription> described(DescribeTopicsResult result) throws Exception {
        boolean old = AppInfoParser.getVersion().startsWith("2.");
        return ((KafkaFuture<Map<String, TopicDescription>>) DescribeTopicsResult.class.getMethod(old ? "all" : "allTopicNames").invoke(result)).get();
    }

    static String admin(Admin admin, JsonNode command) throws Exception {
        String topic = command.get("topic").asText();
        String group = command.get("group").asText();
        var resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        switch (command.get("step").asText()) {
            case "create":
                var created = new NewTopic(topic, command.get("partitions").asInt(), (short) 1).configs(Map.of("retention.ms", command.get("value").asText()));
                admin.createTopics(List.of(created)).all().get();
                return "done";
            case "grow":
                admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(command.get("partitions").asInt()))).all().get();
                return "done";
            case "partitions":
                return "" + described(admin.describeTopics(List.of(topic))).get(topic).partitions().size();
            case "config":
                return admin.describeConfigs(List.of(resource)).all().get().get(resource).get("retention.ms").value();
            case "alter":
                Collection<AlterConfigOp> operations =
                        List.of(new AlterConfigOp(new ConfigEntry("retention.ms", command.get("value").asText()), AlterConfigOp.OpType.SET));
                admin.incrementalAlterConfigs(Map.of(resource, operations)).all().get();
                return "done";
            case "groups":
                return admin.listConsumerGroups().all().get().stream().anyMatch(listed -> listed.groupId().equals(group)) ? "listed" : "not listed";
            case "group":
                return admin.describeConsumerGroups(List.of(group)).all().get().get(group).state().toString();
            case "offsets":
                return "" + admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().values().stream().mapToLong(at -> at.offset()).sum();
            case "delete-group":
                admin.deleteConsumerGroups(List.of(group)).all().get();
                return "done";
            case "delete":
                admin.deleteTopics(List.of(topic)).all().get();
                return "done";
            default:
                throw new IllegalArgumentException("no such step");
        }
    }
}
