// Asks a broker what clients do not ask, and prints each answer in one line: bytes straight to the socket, so that no client library
// tidies up requests or retries refusals. Usage: Answers HOST PORT

import java.io.DataInputStream;
import java.io.OutputStream;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;

public class Answers {
    static final byte TOPIC = 2, BROKER = 4, LOGGER = 8, METRICS = 16, GROUP = 32;
    static final byte SET = 0, DELETE = 1, APPEND = 2, SUBTRACT = 3;

    static Socket socket;
    static DataInputStream in;
    static OutputStream out;
    static int correlation;
    static final Map<Uuid, String> ids = new TreeMap<>();

    public static void main(String[] arguments) throws Exception {
        socket = new Socket(arguments[0], Integer.parseInt(arguments[1]));
        socket.setTcpNoDelay(true);
        in = new DataInputStream(socket.getInputStream());
        out = socket.getOutputStream();
        topics();
        configs();
        groupConfigs();
        loggers();
        logs();
        security();
        quotas();
        offsets();
        groups();
        end();
        socket.close();
    }

    static ByteBuffer bytes(Message message, short version) {
        return MessageUtil.toByteBufferAccessor(message, version).buffer();
    }

    static ApiMessage call(int version, ApiMessage request) throws Exception {
        ApiMessageType api = ApiMessageType.fromApiKey(request.apiKey());
        RequestHeaderData header = new RequestHeaderData().setRequestApiKey(request.apiKey())
            .setRequestApiVersion((short) version).setCorrelationId(++correlation).setClientId("answers");
        ByteBuffer head = bytes(header, api.requestHeaderVersion((short) version));
        ByteBuffer body = bytes(request, (short) version);
        ByteBuffer frame = ByteBuffer.allocate(4 + head.remaining() + body.remaining());
        frame.putInt(head.remaining() + body.remaining()).put(head).put(body);
        out.write(frame.array());
        byte[] answer = new byte[in.readInt()];
        in.readFully(answer);
        ByteBufferAccessor accessor = new ByteBufferAccessor(ByteBuffer.wrap(answer));
        ResponseHeaderData told = new ResponseHeaderData(accessor, api.responseHeaderVersion((short) version));
        if (told.correlationId() != correlation) {
            throw new IllegalStateException("the answer to another request");
        }
        ApiMessage response = api.newResponse();
        response.read(accessor, (short) version);
        sort(response);
        return response;
    }

    /** Puts the elements of every collection in the order of their text: Kafka's is that of hash tables. */
    @SuppressWarnings({"unchecked", "rawtypes"})
    static void sort(Object message) throws Exception {
        for (Field field : message.getClass().getDeclaredFields()) {
            if (Modifier.isStatic(field.getModifiers())) {
                continue;
            }
            field.setAccessible(true);
            Object value = field.get(message);
            if (value instanceof Message) {
                sort(value);
            } else if (value instanceof Collection collection) {
                List<Object> elements = new ArrayList<>(collection);
                for (Object element : elements) {
                    if (element instanceof Message) {
                        sort(element);
                    }
                }
                elements.sort(Comparator.comparing(Object::toString));
                if (collection instanceof List) {
                    field.set(message, elements);
                    continue;
                }
                for (Iterator all = collection.iterator(); all.hasNext();) {
                    all.next();
                    all.remove();
                }
                collection.addAll(elements);
            }
        }
    }

    /** Asks in every version given, and prints what is answered. */
    static void ask(String name, int[] versions, ApiMessage request) throws Exception {
        ApiMessageType api = ApiMessageType.fromApiKey(request.apiKey());
        for (int version : versions) {
            String line = api.name + " v" + version + " " + name + ": " + call(version, request);
            for (Map.Entry<Uuid, String> id : ids.entrySet()) {
                line = line.replace(id.getKey().toString(), id.getValue());
            }
            // Ids that nobody chose; those of the requests begin with zeros.
            line = line.replaceAll("topicId=(?!AAAAAAAA)[\\w-]{22}", "topicId=<id>");
            line = line.replaceAll("[\\w-]+-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<member>").replace("port=" + socket.getPort(), "port=<port>");
            System.out.println(line.replace("\n", "\\n"));
        }
    }

    static int[] v(int... versions) {
        return versions;
    }

    // Topics ---------------------------------------------------------------------------------------------------------

    static CreateTopicsRequestData create(CreateTopicsRequestData.CreatableTopic... topics) {
        CreateTopicsRequestData request = new CreateTopicsRequestData().setTimeoutMs(30_000);
        for (CreateTopicsRequestData.CreatableTopic topic : topics) {
            request.topics().add(topic);
        }
        return request;
    }

    static CreateTopicsRequestData.CreatableTopic topic(String name, int partitions, int replicas) {
        return new CreateTopicsRequestData.CreatableTopic().setName(name).setNumPartitions(partitions)
            .setReplicationFactor((short) replicas);
    }

    static CreateTopicsRequestData.CreatableTopic with(CreateTopicsRequestData.CreatableTopic topic, String... pairs) {
        for (int at = 0; at < pairs.length; at += 2) {
            topic.configs().add(new CreateTopicsRequestData.CreatableTopicConfig().setName(pairs[at]).setValue(pairs[at + 1]));
        }
        return topic;
    }

    static CreateTopicsRequestData.CreatableTopic assigned(String name, int[]... replicas) {
        CreateTopicsRequestData.CreatableTopic topic = topic(name, -1, -1);
        for (int at = 0; at < replicas.length; at++) {
            topic.assignments().add(new CreateTopicsRequestData.CreatableReplicaAssignment().setPartitionIndex(at)
                .setBrokerIds(Arrays.stream(replicas[at]).boxed().toList()));
        }
        return topic;
    }

    static void know(String... names) throws Exception {
        MetadataRequestData request = new MetadataRequestData().setAllowAutoTopicCreation(false);
        for (String name : names) {
            request.topics().add(new MetadataRequestData.MetadataRequestTopic().setName(name));
        }
        for (int tries = 0; tries < 500; tries++) {
            MetadataResponseData answer = (MetadataResponseData) call(12, request);
            boolean all = true;
            for (MetadataResponseData.MetadataResponseTopic topic : answer.topics()) {
                boolean led = topic.errorCode() == 0
                    && topic.partitions().stream().allMatch(partition -> partition.errorCode() == 0);
                all &= led;
                ids.put(topic.topicId(), "<id of " + topic.name() + ">");
            }
            if (all) {
                return;
            }
            Thread.sleep(20);
        }
        throw new IllegalStateException("topics that do not come: " + List.of(names));
    }

    static void topics() throws Exception {
        call(7, create(topic("plain", 3, 1), with(topic("kept", 1, 1), "retention.ms", "-1", "segment.bytes", "2097152"),
            with(topic("compact", 1, 1), "cleanup.policy", "compact"), topic("a.b", 1, 1)));
        know("plain", "kept", "compact", "a.b");
        ask("exists", v(2, 4, 5, 7), create(topic("plain", 1, 1)));
        ask("names", v(7), create(topic("", 1, 1), topic(".", 1, 1), topic("..", 1, 1), topic("a b", 1, 1),
            topic("ä", 1, 1), topic("x".repeat(250), 1, 1)));
        ask("collision", v(7), create(topic("a_b", 1, 1)));
        ask("partitions and replicas", v(7), create(topic("p0", 0, 1), topic("p-2", -2, 1), topic("r0", 1, 0), topic("r-2", 1, -2),
            topic("r2", 1, 2)));
        ask("twice", v(7), create(topic("twice", 1, 1), topic("twice", 2, 1)));
        ask("assignments", v(7), create(assigned("gone", new int[] {99}), assigned("none", new int[0]),
            assigned("double", new int[] {1, 1}), assigned("uneven", new int[] {1}, new int[] {1, 2})));
        ask("assignment and count", v(7), create(assigned("both", new int[] {1}).setNumPartitions(1)));
        ask("configs", v(7), create(with(topic("c1", 1, 1), "nonsense", "1"), with(topic("c2", 1, 1), "retention.ms", "x"),
            with(topic("c3", 1, 1), "retention.ms", null), with(topic("c4", 1, 1), "cleanup.policy", "shred")));
        ask("validated only", v(5, 7), create(with(topic("unmade", 2, 1), "retention.ms", "5")).setValidateOnly(true));

        CreatePartitionsRequestData grow = new CreatePartitionsRequestData().setTimeoutMs(30_000);
        grow.topics().add(more("missing", 2));
        grow.topics().add(more("plain", 3));
        ask("not more, not there", v(0, 1, 2, 3), grow);
        grow = new CreatePartitionsRequestData().setTimeoutMs(30_000);
        grow.topics().add(more("plain", 2));
        grow.topics().add(more("kept", 0));
        grow.topics().add(more("compact", -1));
        ask("fewer", v(3), grow);
        grow = new CreatePartitionsRequestData().setTimeoutMs(30_000);
        grow.topics().add(more("plain", 4).setAssignments(List.of(to(99))));
        grow.topics().add(more("kept", 2).setAssignments(List.of()));
        grow.topics().add(more("compact", 2).setAssignments(List.of(to(1), to(1))));
        ask("assignments", v(3), grow);
        grow = new CreatePartitionsRequestData().setTimeoutMs(30_000).setValidateOnly(true);
        grow.topics().add(more("plain", 9));
        ask("validated only", v(3), grow);

        ask("missing", v(1, 4, 5), new DeleteTopicsRequestData().setTimeoutMs(30_000).setTopicNames(List.of("missing", "missing")));
        ask("missing", v(6), new DeleteTopicsRequestData().setTimeoutMs(30_000).setTopics(List.of(
            new DeleteTopicsRequestData.DeleteTopicState().setName("missing"),
            new DeleteTopicsRequestData.DeleteTopicState().setName(null).setTopicId(new Uuid(1, 2)),
            new DeleteTopicsRequestData.DeleteTopicState().setName(null))));
    }

    static CreatePartitionsRequestData.CreatePartitionsTopic more(String name, int count) {
        return new CreatePartitionsRequestData.CreatePartitionsTopic().setName(name).setCount(count).setAssignments(null);
    }

    static CreatePartitionsRequestData.CreatePartitionsAssignment to(Integer... brokers) {
        return new CreatePartitionsRequestData.CreatePartitionsAssignment().setBrokerIds(List.of(brokers));
    }

    // Configs --------------------------------------------------------------------------------------------------------

    static IncrementalAlterConfigsRequestData change(byte type, String name, Object... triples) {
        IncrementalAlterConfigsRequestData request = new IncrementalAlterConfigsRequestData();
        request.resources().add(changed(type, name, triples));
        return request;
    }

    static IncrementalAlterConfigsRequestData.AlterConfigsResource changed(byte type, String name, Object... triples) {
        var resource = new IncrementalAlterConfigsRequestData.AlterConfigsResource().setResourceType(type).setResourceName(name);
        for (int at = 0; at < triples.length; at += 3) {
            resource.configs().add(new IncrementalAlterConfigsRequestData.AlterableConfig()
                .setConfigOperation((Byte) triples[at]).setName((String) triples[at + 1]).setValue((String) triples[at + 2]));
        }
        return resource;
    }

    static AlterConfigsRequestData replace(byte type, String name, String... pairs) {
        AlterConfigsRequestData request = new AlterConfigsRequestData();
        request.resources().add(replaced(type, name, pairs));
        return request;
    }

    static AlterConfigsRequestData.AlterConfigsResource replaced(byte type, String name, String... pairs) {
        var resource = new AlterConfigsRequestData.AlterConfigsResource().setResourceType(type).setResourceName(name);
        for (int at = 0; at < pairs.length; at += 2) {
            resource.configs().add(new AlterConfigsRequestData.AlterableConfig().setName(pairs[at]).setValue(pairs[at + 1]));
        }
        return resource;
    }

    static DescribeConfigsRequestData describe(byte type, String name, String... keys) {
        DescribeConfigsRequestData request = new DescribeConfigsRequestData().setIncludeSynonyms(true);
        request.resources().add(new DescribeConfigsRequestData.DescribeConfigsResource().setResourceType(type)
            .setResourceName(name).setConfigurationKeys(keys.length == 0 ? null : List.of(keys)));
        return request;
    }

    /** Changes of configs reach the broker a little after they were answered: a later change is seen after it. */
    static void settle() throws Exception {
        String mark = String.valueOf(100_000 + correlation);
        call(1, change(TOPIC, "kept", SET, "file.delete.delay.ms", mark));
        for (int tries = 0; tries < 500; tries++) {
            var answer = (DescribeConfigsResponseData) call(4, describe(TOPIC, "kept", "file.delete.delay.ms"));
            if (answer.results().get(0).configs().get(0).value().equals(mark)) {
                return;
            }
            Thread.sleep(10);
        }
        throw new IllegalStateException("the broker does not follow its controller");
    }

    static void configs() throws Exception {
        String[] shown = {"retention.ms", "cleanup.policy", "segment.bytes"};
        ask("own and inherited", v(1, 2, 3, 4), describe(TOPIC, "kept", shown));
        ask("unknown key", v(4), describe(TOPIC, "kept", "nonsense"));
        ask("missing topic", v(4), describe(TOPIC, "missing"));
        ask("bad topic", v(4), describe(TOPIC, "a b"));
        ask("no topic", v(4), describe(TOPIC, ""));
        ask("other broker", v(4), describe(BROKER, "99"));
        ask("no number", v(4), describe(BROKER, "x"));
        ask("every broker", v(4), describe(BROKER, ""));
        ask("unknown type", v(4), describe((byte) 77, "x"));

        ask("sets", v(0, 1, 2), replace(TOPIC, "kept", "retention.ms", "1000"));
        settle();
        ask("after a replacement", v(4), describe(TOPIC, "kept", shown));
        ask("wrong value", v(0, 2), replace(TOPIC, "kept", "retention.ms", "x"));
        ask("unknown name", v(2), replace(TOPIC, "kept", "nonsense", "1"));
        ask("null value", v(2), replace(TOPIC, "kept", "retention.ms", null));
        ask("missing topic", v(2), replace(TOPIC, "missing", "retention.ms", "1"));
        ask("bad topic", v(2), replace(TOPIC, "a b", "retention.ms", "1"));
        ask("no topic", v(2), replace(TOPIC, "", "retention.ms", "1"));
        ask("other broker", v(2), replace(BROKER, "99", "log.retention.ms", "1"));
        ask("no number", v(2), replace(BROKER, "x", "log.retention.ms", "1"));
        ask("fixed", v(2), replace(BROKER, "1", "node.id", "2"));
        ask("broker", v(2), replace(BROKER, "1", "log.retention.ms", "86400000"));
        ask("every broker", v(2), replace(BROKER, "", "log.segment.bytes", "3145728"));
        settle();
        ask("broker", v(4), describe(BROKER, "1", "log.retention.ms", "log.segment.bytes"));
        ask("every broker", v(4), describe(BROKER, ""));
        ask("inherited from the broker", v(4), describe(TOPIC, "plain", shown));
        ask("broker cleared", v(2), replace(BROKER, "1"));
        ask("every broker cleared", v(2), replace(BROKER, ""));
        ask("logger", v(2), replace(LOGGER, "1", "root", "INFO"));
        ask("unknown type", v(2), replace((byte) 77, "x", "y", "z"));
        ask("validated only", v(2), replace(TOPIC, "kept", "retention.ms", "7").setValidateOnly(true));
        ask("cleared", v(2), replace(TOPIC, "kept"));
        settle();
        ask("after all was cleared", v(4), describe(TOPIC, "kept", shown));

        ask("sets", v(0, 1), change(TOPIC, "kept", SET, "retention.ms", "2000"));
        ask("appends to a number", v(1), change(TOPIC, "kept", APPEND, "retention.ms", "1"));
        ask("unknown operation", v(1), change(TOPIC, "kept", (byte) 9, "retention.ms", "1"));
        ask("null value", v(1), change(TOPIC, "kept", SET, "retention.ms", null));
        ask("twice a key", v(1), change(TOPIC, "kept", SET, "retention.ms", "1", DELETE, "retention.ms", ""));
        ask("missing topic", v(1), change(TOPIC, "missing", SET, "retention.ms", "1"));
        ask("no topic", v(1), change(TOPIC, "", SET, "retention.ms", "1"));
        ask("fixed", v(1), change(BROKER, "1", SET, "node.id", "2"));
        ask("wrong value for a broker", v(1), change(BROKER, "1", SET, "log.retention.ms", "x"));
        ask("other broker", v(1), change(BROKER, "99", SET, "log.retention.ms", "1"));
        ask("unknown type", v(1), change((byte) 77, "x", SET, "y", "z"));
        ask("list", v(1), change(TOPIC, "kept", APPEND, "cleanup.policy", "compact"));
        settle();
        ask("after the list grew", v(4), describe(TOPIC, "kept", "cleanup.policy"));
        ask("list shrinks", v(1), change(TOPIC, "kept", SUBTRACT, "cleanup.policy", "delete"));
        settle();
        ask("after the list shrank", v(4), describe(TOPIC, "kept", "cleanup.policy"));
    }

    static void groupConfigs() throws Exception {
        ask("a group nobody set", v(4), describe(GROUP, "g"));
        ask("no group", v(4), describe(GROUP, ""));
        for (String pair : List.of("consumer.session.timeout.ms=50000", "consumer.session.timeout.ms=1", "consumer.session.timeout.ms=x",
                "consumer.session.timeout.ms=99999999", "consumer.heartbeat.interval.ms=6000", "consumer.heartbeat.interval.ms=1",
                "consumer.heartbeat.interval.ms=60000", "consumer.assignment.interval.ms=2000", "consumer.assignment.interval.ms=-1",
                "consumer.assignor.offload.enable=false", "share.isolation.level=read_committed", "share.isolation.level=x",
                "share.auto.offset.reset=earliest", "share.auto.offset.reset=x", "share.auto.offset.reset=by_duration:PT1H",
                "share.record.lock.duration.ms=20000", "share.record.lock.duration.ms=1", "share.delivery.count.limit=1",
                "share.partition.max.record.locks=1", "share.renew.acknowledge.enable=false", "share.session.timeout.ms=50000",
                "streams.session.timeout.ms=50000", "streams.num.standby.replicas=1", "streams.num.standby.replicas=9",
                "streams.initial.rebalance.delay.ms=1", "nonsense=1")) {
            String[] parts = pair.split("=");
            ask(pair, v(1), change(GROUP, "g", SET, parts[0], parts[1]));
            ask(pair + " undone", v(1), change(GROUP, "g", DELETE, parts[0], ""));
        }
        ask("no group", v(1), change(GROUP, "", SET, "consumer.session.timeout.ms", "50000"));
        ask("appends", v(1), change(GROUP, "g", APPEND, "consumer.session.timeout.ms", "50000"));
        ask("sets", v(1), change(GROUP, "g", SET, "consumer.session.timeout.ms", "50000", SET, "consumer.heartbeat.interval.ms", "7000"));
        settle();
        ask("a group with some", v(1, 4), describe(GROUP, "g"));
        ask("one of its keys", v(4), describe(GROUP, "g", "consumer.session.timeout.ms"));
        ask("replaces", v(2), replace(GROUP, "g", "consumer.heartbeat.interval.ms", "8000"));
        settle();
        ask("after a replacement", v(4), describe(GROUP, "g", "consumer.session.timeout.ms", "consumer.heartbeat.interval.ms"));
        ask("all kinds", v(1), new ListConfigResourcesRequestData());
        for (byte type : new byte[] {TOPIC, BROKER, LOGGER, METRICS, GROUP, 77}) {
            ask("kind " + type, v(1), new ListConfigResourcesRequestData().setResourceTypes(List.of(type)));
        }
        ask("as of old", v(0), new ListConfigResourcesRequestData());
        ask("cleared", v(2), replace(GROUP, "g"));
        settle();
        ask("groups after all was cleared", v(1), new ListConfigResourcesRequestData().setResourceTypes(List.of(GROUP)));
        ask("metrics nobody set", v(4), describe(METRICS, "m"));
        ask("no metrics", v(4), describe(METRICS, ""));
        ask("metrics", v(1), change(METRICS, "m", SET, "interval.ms", "1000", SET, "metrics", "*"));
        settle();
        ask("metrics", v(4), describe(METRICS, "m"));
        ask("metrics kept", v(0), new ListConfigResourcesRequestData());
        for (String pair : List.of("interval.ms=99", "interval.ms=3600001", "interval.ms=x", "match=client_id=a", "match=x", "match=nope=x",
                "match=client_id=[", "nonsense=1")) {
            String[] parts = pair.split("=", 2);
            ask(pair, v(1), change(METRICS, "n", SET, parts[0], parts[1]));
        }
        ask("metrics forgotten", v(1), change(METRICS, "m", DELETE, "interval.ms", "", DELETE, "metrics", ""));
    }

    static void loggers() throws Exception {
        ask("root", v(4), describe(LOGGER, "1", "root"));
        ask("nobody's", v(4), describe(LOGGER, ""));
        ask("other broker", v(4), describe(LOGGER, "99"));
        ask("no number", v(4), describe(LOGGER, "x"));
        ask("unknown logger", v(1), change(LOGGER, "1", SET, "no.such.logger", "DEBUG"));
        ask("unknown level", v(1), change(LOGGER, "1", SET, "root", "LOUD"));
        ask("appends", v(1), change(LOGGER, "1", APPEND, "root", "DEBUG"));
        ask("root unset", v(1), change(LOGGER, "1", DELETE, "root", ""));
        ask("other broker", v(1), change(LOGGER, "99", SET, "root", "WARN"));
        ask("no number", v(1), change(LOGGER, "x", SET, "root", "WARN"));
        ask("set", v(1), change(LOGGER, "1", SET, "root", "WARN"));
        ask("root after it was set", v(4), describe(LOGGER, "1", "root"));
        ask("validated only", v(1), change(LOGGER, "1", SET, "root", "ERROR").setValidateOnly(true));
        ask("root after a rehearsal", v(4), describe(LOGGER, "1", "root"));
        ask("set again", v(1), change(LOGGER, "1", SET, "root", "INFO"));
    }

    // Logs -----------------------------------------------------------------------------------------------------------

    static void logs() throws Exception {
        DescribeLogDirsRequestData some = new DescribeLogDirsRequestData();
        some.topics().add(new DescribeLogDirsRequestData.DescribableLogDirTopic().setTopic("plain").setPartitions(List.of(0, 2, 9)));
        some.topics().add(new DescribeLogDirsRequestData.DescribableLogDirTopic().setTopic("missing").setPartitions(List.of(0)));
        for (int version = 1; version <= 5; version++) {
            DescribeLogDirsResponseData answer = (DescribeLogDirsResponseData) call(version, some);
            for (DescribeLogDirsResponseData.DescribeLogDirsResult directory : answer.results()) {
                directory.setLogDir("<directory>");
                if (version >= 4 && (directory.totalBytes() <= 0 || directory.usableBytes() <= 0
                        || directory.usableBytes() > directory.totalBytes())) {
                    throw new IllegalStateException("a disk of " + directory);
                }
                directory.setTotalBytes(0).setUsableBytes(0);
            }
            System.out.println("DescribeLogDirs v" + version + " some: " + answer);
        }
        DescribeLogDirsResponseData all = (DescribeLogDirsResponseData) call(5, new DescribeLogDirsRequestData().setTopics(null));
        TreeMap<String, Integer> counts = new TreeMap<>();
        for (DescribeLogDirsResponseData.DescribeLogDirsResult directory : all.results()) {
            directory.topics().forEach(topic -> counts.merge(topic.name(), topic.partitions().size(), Integer::sum));
        }
        System.out.println("DescribeLogDirs v5 all: partitions by topic " + counts);

        DescribeProducersRequestData producers = new DescribeProducersRequestData();
        producers.topics().add(new DescribeProducersRequestData.TopicRequest().setName("plain").setPartitionIndexes(List.of(0, 9)));
        producers.topics().add(new DescribeProducersRequestData.TopicRequest().setName("missing").setPartitionIndexes(List.of(0)));
        producers.topics().add(new DescribeProducersRequestData.TopicRequest().setName("a b").setPartitionIndexes(List.of(0)));
        ask("none", v(0), producers);
    }

    static DeleteRecordsRequestData.DeleteRecordsPartition below(int partition, long offset) {
        return new DeleteRecordsRequestData.DeleteRecordsPartition().setPartitionIndex(partition).setOffset(offset);
    }

    static void offsets() throws Exception {
        DeleteRecordsRequestData records = new DeleteRecordsRequestData().setTimeoutMs(30_000);
        records.topics().add(new DeleteRecordsRequestData.DeleteRecordsTopic().setName("plain").setPartitions(List.of(
            below(0, -1), below(1, 1), below(2, -2), below(9, 0))));
        records.topics().add(new DeleteRecordsRequestData.DeleteRecordsTopic().setName("missing").setPartitions(List.of(below(0, 0))));
        records.topics().add(new DeleteRecordsRequestData.DeleteRecordsTopic().setName("compact").setPartitions(List.of(below(0, 0))));
        ask("bounds", v(0, 1, 2), records);
        for (long timestamp : new long[] {-1, -2, -3, -4, -5, -6, -7, 0}) {
            ListOffsetsRequestData request = new ListOffsetsRequestData().setReplicaId(-1);
            request.topics().add(new ListOffsetsRequestData.ListOffsetsTopic().setName("plain").setPartitions(List.of(
                new ListOffsetsRequestData.ListOffsetsPartition().setPartitionIndex(0).setTimestamp(timestamp))));
            ask("timestamp " + timestamp, v(1, 7, 8, 9, 11), request);
        }
        ListOffsetsRequestData wrong = new ListOffsetsRequestData().setReplicaId(-1);
        wrong.topics().add(new ListOffsetsRequestData.ListOffsetsTopic().setName("plain").setPartitions(List.of(
            new ListOffsetsRequestData.ListOffsetsPartition().setPartitionIndex(9).setTimestamp(-1),
            new ListOffsetsRequestData.ListOffsetsPartition().setPartitionIndex(1).setTimestamp(-1).setCurrentLeaderEpoch(77),
            new ListOffsetsRequestData.ListOffsetsPartition().setPartitionIndex(2).setTimestamp(-1),
            new ListOffsetsRequestData.ListOffsetsPartition().setPartitionIndex(2).setTimestamp(-2))));
        ask("refusals", v(6), wrong);
        OffsetForLeaderEpochRequestData epochs = new OffsetForLeaderEpochRequestData().setReplicaId(-1);
        var partitions = new OffsetForLeaderEpochRequestData.OffsetForLeaderTopic().setTopic("plain");
        partitions.partitions().add(new OffsetForLeaderEpochRequestData.OffsetForLeaderPartition().setPartition(0).setLeaderEpoch(0));
        partitions.partitions().add(new OffsetForLeaderEpochRequestData.OffsetForLeaderPartition().setPartition(1)
            .setCurrentLeaderEpoch(77).setLeaderEpoch(0));
        partitions.partitions().add(new OffsetForLeaderEpochRequestData.OffsetForLeaderPartition().setPartition(2).setLeaderEpoch(77));
        partitions.partitions().add(new OffsetForLeaderEpochRequestData.OffsetForLeaderPartition().setPartition(9).setLeaderEpoch(0));
        epochs.topics().add(partitions);
        ask("epochs", v(2, 3, 4), epochs);
    }

    // Security and quotas --------------------------------------------------------------------------------------------

    static void security() throws Exception {
        ask("all", v(1, 2, 3), new DescribeAclsRequestData().setResourceTypeFilter((byte) 1).setPatternTypeFilter((byte) 3)
            .setOperation((byte) 1).setPermissionType((byte) 1));
        CreateAclsRequestData create = new CreateAclsRequestData();
        for (String name : List.of("a", "b")) {
            create.creations().add(new CreateAclsRequestData.AclCreation().setResourceType(TOPIC).setResourceName(name)
                .setResourcePatternType((byte) 3).setPrincipal("User:me").setHost("*").setOperation((byte) 3).setPermissionType((byte) 3));
        }
        ask("two", v(1, 2, 3), create);
        DeleteAclsRequestData delete = new DeleteAclsRequestData();
        delete.filters().add(new DeleteAclsRequestData.DeleteAclsFilter().setResourceTypeFilter((byte) 1).setPatternTypeFilter((byte) 3)
            .setOperation((byte) 1).setPermissionType((byte) 1));
        ask("one", v(1, 2, 3), delete);
        ask("everybody", v(0), new DescribeUserScramCredentialsRequestData().setUsers(null));
        ask("nobody", v(0), new DescribeUserScramCredentialsRequestData().setUsers(List.of()));
        ask("somebody", v(0), new DescribeUserScramCredentialsRequestData().setUsers(List.of(
            new DescribeUserScramCredentialsRequestData.UserName().setName("alice"),
            new DescribeUserScramCredentialsRequestData.UserName().setName("bob"))));
        ask("somebody twice", v(0), new DescribeUserScramCredentialsRequestData().setUsers(List.of(
            new DescribeUserScramCredentialsRequestData.UserName().setName("alice"),
            new DescribeUserScramCredentialsRequestData.UserName().setName("alice"))));
        ask("no name", v(0), new DescribeUserScramCredentialsRequestData().setUsers(List.of(
            new DescribeUserScramCredentialsRequestData.UserName().setName(""))));
    }

    static DescribeClientQuotasRequestData quotas(boolean strict, Object... triples) {
        DescribeClientQuotasRequestData request = new DescribeClientQuotasRequestData().setStrict(strict);
        for (int at = 0; at < triples.length; at += 3) {
            request.components().add(new DescribeClientQuotasRequestData.ComponentData().setEntityType((String) triples[at])
                .setMatchType(((Integer) triples[at + 1]).byteValue()).setMatch((String) triples[at + 2]));
        }
        return request;
    }

    static AlterClientQuotasRequestData limit(String[] entity, String key, Double value) {
        var entry = new AlterClientQuotasRequestData.EntryData();
        for (int at = 0; at < entity.length; at += 2) {
            entry.entity().add(new AlterClientQuotasRequestData.EntityData().setEntityType(entity[at]).setEntityName(entity[at + 1]));
        }
        entry.ops().add(new AlterClientQuotasRequestData.OpData().setKey(key).setValue(value == null ? 0 : value).setRemove(value == null));
        AlterClientQuotasRequestData request = new AlterClientQuotasRequestData();
        request.entries().add(entry);
        return request;
    }

    static void quotas() throws Exception {
        int[] both = v(0, 1);
        ask("all of none", both, quotas(false));
        ask("user", both, limit(new String[] {"user", "alice"}, "producer_byte_rate", 1024.0));
        ask("user and client", both, limit(new String[] {"user", "alice", "client-id", "c"}, "consumer_byte_rate", 2048.5));
        ask("default user", both, limit(new String[] {"user", null}, "request_percentage", 50.0));
        ask("client", both, limit(new String[] {"client-id", "c"}, "controller_mutation_rate", 10.0));
        ask("address", both, limit(new String[] {"ip", "127.0.0.9"}, "connection_creation_rate", 5.0));
        ask("rehearsed", both, limit(new String[] {"user", "bob"}, "producer_byte_rate", 1.0).setValidateOnly(true));
        ask("unknown key", both, limit(new String[] {"user", "alice"}, "nonsense", 1.0));
        ask("key of another entity", both, limit(new String[] {"ip", "127.0.0.9"}, "producer_byte_rate", 1.0));
        ask("negative", both, limit(new String[] {"user", "alice"}, "producer_byte_rate", -1.0));
        ask("zero", both, limit(new String[] {"user", "alice"}, "producer_byte_rate", 0.0));
        ask("too much", both, limit(new String[] {"user", "alice"}, "producer_byte_rate", 1e300));
        ask("a part of a byte", both, limit(new String[] {"user", "alice"}, "producer_byte_rate", 1.5));
        ask("unknown entity", both, limit(new String[] {"group", "g"}, "producer_byte_rate", 1.0));
        ask("no entity", both, limit(new String[] {}, "producer_byte_rate", 1.0));
        ask("address and user", both, limit(new String[] {"ip", "127.0.0.9", "user", "alice"}, "connection_creation_rate", 1.0));
        ask("no address", both, limit(new String[] {"ip", "not an address"}, "connection_creation_rate", 1.0));
        ask("empty name", both, limit(new String[] {"user", ""}, "producer_byte_rate", 1.0));
        ask("removed that is not there", both, limit(new String[] {"user", "carol"}, "producer_byte_rate", null));
        settle();
        ask("all", both, quotas(false));
        ask("one user", both, quotas(false, "user", 0, "alice"));
        ask("one user, strictly", both, quotas(true, "user", 0, "alice"));
        ask("default user", both, quotas(false, "user", 1, null));
        ask("any user", both, quotas(false, "user", 2, null));
        ask("any user, strictly", both, quotas(true, "user", 2, null));
        ask("user and client", both, quotas(true, "user", 2, null, "client-id", 2, null));
        ask("address", both, quotas(false, "ip", 2, null));
        ask("address and user", both, quotas(false, "ip", 2, null, "user", 2, null));
        ask("unknown entity", both, quotas(false, "group", 2, null));
        ask("no entity", both, quotas(false, "", 2, null));
        ask("twice", both, quotas(false, "user", 2, null, "user", 2, null));
        ask("unknown match", both, quotas(false, "user", 9, null));
        ask("exact without a name", both, quotas(false, "user", 0, null));
        ask("any with a name", both, quotas(false, "user", 2, "alice"));
        ask("removed", both, limit(new String[] {"user", "alice"}, "producer_byte_rate", null));
        ask("removed", v(1), limit(new String[] {"user", "alice", "client-id", "c"}, "consumer_byte_rate", null));
        settle();
        ask("after removals", v(1), quotas(false));
    }

    // Groups ---------------------------------------------------------------------------------------------------------

    static JoinGroupRequestData join(String group, String member, int session, String... protocols) {
        JoinGroupRequestData request = new JoinGroupRequestData().setGroupId(group).setMemberId(member).setProtocolType("consumer")
            .setSessionTimeoutMs(session).setRebalanceTimeoutMs(10_000);
        for (String protocol : protocols) {
            request.protocols().add(new JoinGroupRequestData.JoinGroupRequestProtocol().setName(protocol).setMetadata(SUBSCRIBED));
        }
        return request;
    }

    /** A consumer's subscription to the topic "plain". */
    static final byte[] SUBSCRIBED = {0, 0, 0, 0, 0, 1, 0, 5, 'p', 'l', 'a', 'i', 'n', -1, -1, -1, -1};

    static OffsetCommitRequestData commit(String group, String member, int generation, String topic, int partition, String metadata) {
        OffsetCommitRequestData request = new OffsetCommitRequestData().setGroupId(group).setMemberId(member).setGenerationIdOrMemberEpoch(generation);
        request.topics().add(new OffsetCommitRequestData.OffsetCommitRequestTopic().setName(topic).setPartitions(List.of(
            new OffsetCommitRequestData.OffsetCommitRequestPartition().setPartitionIndex(partition).setCommittedOffset(5).setCommittedMetadata(metadata))));
        return request;
    }

    static OffsetFetchRequestData fetch(String group, String topic, Integer... partitions) {
        return new OffsetFetchRequestData().setGroupId(group).setTopics(topic == null ? null : List.of(
            new OffsetFetchRequestData.OffsetFetchRequestTopic().setName(topic).setPartitionIndexes(List.of(partitions))));
    }

    static OffsetFetchRequestData fetchMany(String... groups) {
        OffsetFetchRequestData request = new OffsetFetchRequestData();
        for (String group : groups) {
            request.groups().add(new OffsetFetchRequestData.OffsetFetchRequestGroup().setGroupId(group).setTopics(List.of(
                new OffsetFetchRequestData.OffsetFetchRequestTopics().setName("plain").setPartitionIndexes(List.of(0, 9)))));
        }
        return request;
    }

    static OffsetDeleteRequestData forget(String group, String topic, int partition) {
        OffsetDeleteRequestData request = new OffsetDeleteRequestData().setGroupId(group);
        request.topics().add(new OffsetDeleteRequestData.OffsetDeleteRequestTopic().setName(topic).setPartitions(List.of(
            new OffsetDeleteRequestData.OffsetDeleteRequestPartition().setPartitionIndex(partition))));
        return request;
    }

    static SyncGroupRequestData sync(String group, String member, int generation, String type, String protocol) {
        return new SyncGroupRequestData().setGroupId(group).setMemberId(member).setGenerationId(generation).setProtocolType(type).setProtocolName(protocol)
            .setAssignments(List.of(new SyncGroupRequestData.SyncGroupRequestAssignment().setMemberId(member).setAssignment(new byte[] {1, 2, 3})));
    }

    static HeartbeatRequestData beat(String group, String member, int generation) {
        return new HeartbeatRequestData().setGroupId(group).setMemberId(member).setGenerationId(generation);
    }

    static LeaveGroupRequestData leave(String group, String member, String instance) {
        return new LeaveGroupRequestData().setGroupId(group).setMembers(List.of(
            new LeaveGroupRequestData.MemberIdentity().setMemberId(member).setGroupInstanceId(instance)));
    }

    static void groups() throws Exception {
        FindCoordinatorRequestData find = new FindCoordinatorRequestData().setKey("g");
        // The first question makes the topic in which groups are kept.
        while (((FindCoordinatorResponseData) call(1, find)).errorCode() != 0) {
            Thread.sleep(100);
        }
        // Its partitions come to their coordinator one by one.
        for (String group : List.of("g", "simple", "static", "missing", "")) {
            short code;
            do {
                code = ((OffsetFetchResponseData) call(5, fetch(group, "plain", 0))).errorCode();
            } while (code == 14 || code == 15 || code == 16);
        }
        ask("of a group", v(0, 1, 2, 3), find);
        ask("of groups", v(4, 5, 6), new FindCoordinatorRequestData().setCoordinatorKeys(List.of("g", "h")));
        ask("of an unknown type", v(1, 3), new FindCoordinatorRequestData().setKey("g").setKeyType((byte) 7));
        ask("of unknown types", v(4, 6), new FindCoordinatorRequestData().setCoordinatorKeys(List.of("g")).setKeyType((byte) 7));
        refusedJoins();
        String member = living();
        commits(member);
        ended(member);
        fixed();
    }

    static void refusedJoins() throws Exception {
        ask("without a group", v(0, 3, 9), join("", "", 10_000, "range"));
        ask("too short a session", v(1, 9), join("g", "", 1, "range"));
        ask("too long a session", v(1, 9), join("g", "", 100_000_000, "range"));
        ask("without protocols", v(1, 9), join("g", "", 10_000));
        ask("without a protocol type", v(1, 9), join("g", "", 10_000, "range").setProtocolType(""));
        ask("a stranger", v(0, 3, 9), join("g", "stranger", 10_000, "range"));
        ask("without a member id", v(4, 5, 9), join("g", "", 10_000, "range"));
        ask("of nobody", v(0, 3, 5), sync("g", "stranger", 1, null, null));
        ask("of nobody", v(0, 2, 4), beat("g", "stranger", 1));
        ask("without a group", v(0, 4), beat("", "stranger", 1));
        ask("of nobody", v(0, 2), new LeaveGroupRequestData().setGroupId("g").setMemberId("stranger"));
        ask("of nobody", v(3, 5), leave("g", "stranger", null));
        ask("of nobody by instance", v(3, 5), leave("g", "", "nobody"));
        ask("of what is missing", v(0, 4, 5, 6), new DescribeGroupsRequestData().setGroups(List.of("missing", "")));
        ask("of what is missing", v(0, 1, 2), new DeleteGroupsRequestData().setGroupsNames(List.of("missing", "")));
        ask("of what is missing", v(0), forget("missing", "plain", 0));
    }

    /** A group of one member, and what is refused while it lives. */
    static String living() throws Exception {
        JoinGroupResponseData joined = (JoinGroupResponseData) call(2, join("g", "", 30_000, "range", "roundrobin"));
        String member = joined.memberId();
        ask("before the assignment", v(0, 4), beat("g", member, 1));
        ask("before the assignment", v(2, 9), commit("g", member, 1, "plain", 0, "m"));
        ask("of another generation", v(0, 5), sync("g", member, 7, null, null));
        ask("of another type", v(5), sync("g", member, 1, "connect", "range"));
        ask("of another protocol", v(5), sync("g", member, 1, "consumer", "roundrobin"));
        ask("of the leader", v(0, 3), sync("g", member, 1, null, null));
        ask("of the leader", v(5), sync("g", member, 1, "consumer", "range"));
        ask("of a member", v(0, 3, 4), beat("g", member, 1));
        ask("of another generation", v(0, 4), beat("g", member, 7));
        ask("of another type", v(2, 9), join("g", "", 30_000, "range").setProtocolType("connect"));
        ask("of other protocols", v(2, 9), join("g", "", 30_000, "sticky"));
        ask("of a living one", v(0, 3, 4, 5, 6), new DescribeGroupsRequestData().setGroups(List.of("g")));
        ask("of a living one", v(0, 2), new DeleteGroupsRequestData().setGroupsNames(List.of("g")));
        ask("of a living one", v(0), forget("g", "plain", 0));
        ask("of all", v(0, 3), new ListGroupsRequestData());
        ask("by state", v(4, 5), new ListGroupsRequestData().setStatesFilter(List.of("Stable")));
        ask("by a state in small letters", v(4, 5), new ListGroupsRequestData().setStatesFilter(List.of("stable")));
        ask("by a state that there is not", v(4, 5), new ListGroupsRequestData().setStatesFilter(List.of("tired")));
        ask("by type", v(5), new ListGroupsRequestData().setTypesFilter(List.of("classic")));
        ask("by a type that there is not", v(5), new ListGroupsRequestData().setTypesFilter(List.of("tired")));
        return member;
    }

    static void commits(String member) throws Exception {
        ask("of a member", v(2, 5, 9), commit("g", member, 1, "plain", 0, "m"));
        ask("of another generation", v(2, 9), commit("g", member, 7, "plain", 0, "m"));
        ask("of a stranger", v(2, 9), commit("g", "stranger", 1, "plain", 0, "m"));
        ask("of nobody while it lives", v(2, 9), commit("g", "", -1, "plain", 0, "m"));
        ask("without a group", v(2, 9), commit("", "", -1, "plain", 0, "m"));
        ask("with long metadata", v(2, 9), commit("g", member, 1, "plain", 0, "m".repeat(4097)));
        ask("with metadata as long as may be", v(9), commit("g", member, 1, "plain", 1, "m".repeat(4096)));
        ask("of a partition that there is not", v(2, 9), commit("g", member, 1, "plain", 99, "m"));
        ask("of a topic that there is not", v(2, 9), commit("g", member, 1, "missing", 0, "m"));
        ask("of a topic id that there is not", v(10), commit("g", member, 1, "", 0, "m"));
        ask("with a generation to an empty group", v(2, 9), commit("simple", "stranger", 3, "plain", 0, "m"));
        ask("to an empty group", v(2, 9), commit("simple", "", -1, "plain", 0, null));
        ask("of a group", v(1, 2, 5, 7), fetch("g", "plain", 0, 2, 99));
        ask("of a missing topic", v(1, 7), fetch("g", "missing", 0));
        ask("of a missing group", v(1, 7), fetch("missing", "plain", 0));
        ask("of all", v(2, 7), fetch("simple", null));
        ask("of groups", v(8, 9), fetchMany("simple", "missing", ""));
    }

    static void ended(String member) throws Exception {
        ask("of a member", v(3), leave("g", member, null));
        ask("of who left", v(0, 4), beat("g", member, 1));
        ask("of who left", v(2, 9), commit("g", member, 1, "plain", 0, "m"));
        ask("of an empty one", v(0, 5, 6), new DescribeGroupsRequestData().setGroups(List.of("g", "simple")));
        ask("of empty ones", v(0, 5), new ListGroupsRequestData());
        ask("of an empty one", v(0), forget("g", "plain", 0));
        ask("of a topic that there is not", v(0), forget("g", "missing", 0));
        ask("of a partition that there is not", v(0), forget("g", "plain", 99));
        ask("of groups", v(2), new DeleteGroupsRequestData().setGroupsNames(List.of("g", "simple")));
        ask("of groups that are gone", v(2), new DeleteGroupsRequestData().setGroupsNames(List.of("g", "simple")));
    }

    /** Static members: who comes by the same name takes the other's place. */
    static void fixed() throws Exception {
        JoinGroupRequestData joins = join("static", "", 30_000, "range").setGroupInstanceId("one");
        String first = ((JoinGroupResponseData) call(5, joins)).memberId();
        call(5, sync("static", first, 1, "consumer", "range").setGroupInstanceId("one"));
        ask("of a static member", v(3, 4), beat("static", first, 1).setGroupInstanceId("one"));
        ask("of a static member that comes back", v(9), joins);
        ask("of who was replaced", v(3, 4), beat("static", first, 1).setGroupInstanceId("one"));
        ask("of who was replaced", v(5), sync("static", first, 1, "consumer", "range").setGroupInstanceId("one"));
        ask("of who was replaced", v(7, 9), commit("static", first, 1, "plain", 0, "m").setGroupInstanceId("one"));
        ask("of who was replaced", v(9), join("static", first, 30_000, "range").setGroupInstanceId("one"));
        ask("of who was replaced", v(3, 5), leave("static", first, "one"));
        ask("of a static group", v(5, 6), new DescribeGroupsRequestData().setGroups(List.of("static")));
        ask("by instance", v(5), leave("static", "", "one"));
        ask("by instance again", v(5), leave("static", "", "one"));
    }

    static void end() throws Exception {
        ask("by name", v(1, 5), new DeleteTopicsRequestData().setTimeoutMs(30_000).setTopicNames(List.of("compact")));
        know("plain");
        Uuid plain = ids.entrySet().stream().filter(id -> id.getValue().equals("<id of plain>")).findFirst().orElseThrow().getKey();
        ask("by id", v(6), new DeleteTopicsRequestData().setTimeoutMs(30_000).setTopics(List.of(
            new DeleteTopicsRequestData.DeleteTopicState().setName(null).setTopicId(plain))));
    }
}
