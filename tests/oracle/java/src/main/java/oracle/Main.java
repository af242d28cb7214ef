package oracle;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.CRC32C;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.types.Schema;

/** Writes, for every API of a list, what Kafka's message classes say of it and make of it. */
public final class Main {
    /** Messages per API, version and direction, over which the digest goes. */
    private static final int MESSAGES = 256;

    /** How many of them are written out. */
    private static final int WRITTEN = 8;

    private Main() {
    }

    /**
     * Arguments: the list of APIs ("name min max" a line), the list of the coordinator's records
     * (a name a line), and the directory to write to.
     */
    public static void main(String[] arguments) throws Exception {
        Path target = Path.of(arguments[2]);
        Files.createDirectories(target);
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            String[] words = line.split(" ");
            String page = page(words[0], Integer.parseInt(words[1]), Integer.parseInt(words[2]));
            Files.write(target.resolve(words[0] + ".txt"), page.getBytes(StandardCharsets.UTF_8));
        }
        Files.write(target.resolve("errors.txt"), errors().getBytes(StandardCharsets.UTF_8));
        Path records = Files.createDirectories(target.resolve("records"));
        for (String name : Files.readAllLines(Path.of(arguments[1]))) {
            Files.write(records.resolve(name + ".txt"),
                Records.page(name).getBytes(StandardCharsets.UTF_8));
        }
        Files.write(records.resolve("written.txt"),
            Written.page().getBytes(StandardCharsets.UTF_8));
    }

    /** Every error code: number, name, whether clients try again, message. */
    private static String errors() {
        List<Errors> errors = new ArrayList<>(List.of(Errors.values()));
        errors.sort(java.util.Comparator.comparingInt(Errors::code));
        StringBuilder page = new StringBuilder();
        for (Errors error : errors) {
            boolean retriable = error.exception() instanceof RetriableException;
            page.append(error.code()).append(' ').append(error.name()).append(' ');
            page.append(retriable ? "retriable " : "fatal ").append(error.message()).append('\n');
        }
        return page.toString();
    }

    private static String page(String name, int min, int max) throws Exception {
        ApiMessageType api = null;
        for (ApiMessageType type : ApiMessageType.values()) {
            if (type.name.equals(name)) {
                api = type;
            }
        }
        List<String> lines = new ArrayList<>();
        lines.add("api " + api.apiKey() + " " + name + " versions " + min + "-" + max);
        lines.add("kafka " + api.lowestSupportedVersion() + "-"
            + api.highestSupportedVersion(false));
        lines.add("headers " + headers(api, min, max));
        for (String direction : new String[] {"request", "response"}) {
            boolean asks = direction.equals("request");
            ApiMessage message = asks ? api.newRequest() : api.newResponse();
            Schema[] schemas = asks ? api.requestSchemas() : api.responseSchemas();
            lines.addAll(new Facts(message.getClass(), schemas, min, max).lines(direction));
            for (int version = min; version <= max; version++) {
                long seed = api.apiKey() * 1_000L + version * 2L + (asks ? 0 : 1);
                messages(lines, message.getClass(), schemas[version], direction, version, seed);
            }
        }
        return String.join("\n", lines) + "\n";
    }

    /** The header versions of request and response, by version of the API. */
    private static String headers(ApiMessageType api, int min, int max) {
        StringBuilder headers = new StringBuilder();
        for (short version = (short) min; version <= max; version++) {
            headers.append(version == min ? "" : " ");
            headers.append(api.requestHeaderVersion(version)).append('/');
            headers.append(api.responseHeaderVersion(version));
        }
        return headers.toString();
    }

    static void messages(List<String> lines, Class<?> type, Schema schema, String direction,
            int version, long seed) throws Exception {
        Generator generator = new Generator(seed, version);
        CRC32C digest = new CRC32C();
        for (int index = 0; index < MESSAGES; index++) {
            Message message =
                (Message) generator.struct(type, schema, Generator.mode(index));
            byte[] bytes = bytes(message, version);
            check(type, message, version, bytes);
            digest.update(ByteBuffer.allocate(4).putInt(0, bytes.length));
            digest.update(bytes);
            if (index < WRITTEN) {
                lines.add("bytes " + direction + " " + version + " " + index + " "
                    + HexFormat.of().formatHex(bytes));
            }
        }
        lines.add("digest " + direction + " " + version + " " + MESSAGES + " "
            + HexFormat.of().toHexDigits((int) digest.getValue()));
    }

    private static byte[] bytes(Message message, int version) {
        ByteBuffer buffer = MessageUtil.toByteBufferAccessor(message, (short) version).buffer();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    /** Kafka must read what it wrote: the messages are ones that it would send. */
    private static void check(Class<?> type, Message message, int version, byte[] bytes)
            throws ReflectiveOperationException {
        Message read = (Message) Shape.make(type);
        read.read(new ByteBufferAccessor(ByteBuffer.wrap(bytes)), (short) version);
        if (!java.util.Arrays.equals(bytes, bytes(read, version))) {
            throw new IllegalStateException(type + " version " + version + ": " + message);
        }
    }
}
