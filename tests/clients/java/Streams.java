// Two applications of Kafka Streams with state: a word count, and orders joined with their customers and summed.
// Arguments: address, state directory.

import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;

public class Streams {
    public static void main(String[] arguments) throws Exception {
        var strings = Serdes.String();
        var longs = Serdes.Long();
        var builder = new StreamsBuilder();

        builder.stream("lines", Consumed.with(strings, strings))
                .flatMapValues(line -> List.of(line.split(" ")))
                .groupBy((key, word) -> word, Grouped.with("words", strings, strings))
                .count(Named.as("count"), Materialized.as("counts"))
                .toStream()
                .mapValues(String::valueOf)
                .to("counted", Produced.with(strings, strings));

        KTable<String, String> customers = builder.table("customers", Consumed.with(strings, strings), Materialized.as("customers-store"));
        builder.stream("purchases", Consumed.with(strings, strings))
                .join(customers, (amount, city) -> city + "=" + amount)
                .selectKey((customer, bought) -> bought.split("=")[0])
                .mapValues(bought -> Long.valueOf(bought.split("=")[1]))
                .groupByKey(Grouped.with("cities", strings, longs))
                .aggregate(() -> 0L, (city, amount, sum) -> sum + amount, Named.as("sum"),
                        Materialized.<String, Long>as(org.apache.kafka.streams.state.Stores.inMemoryKeyValueStore("sums")).withKeySerde(strings).withValueSerde(longs))
                .toStream()
                .mapValues(String::valueOf)
                .to("summed", Produced.with(strings, strings));

        var config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, "shop");
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        config.put(StreamsConfig.STATE_DIR_CONFIG, arguments[1]);
        config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 200);
        config.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        config.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        config.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        config.put(StreamsConfig.consumerPrefix("session.timeout.ms"), 6000);
        config.put(StreamsConfig.consumerPrefix("heartbeat.interval.ms"), 500);
        var streams = new KafkaStreams(builder.build(), config);
        streams.setStateListener((state, before) -> {
            System.out.println(state);
            System.out.flush();
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(30))));
        streams.start();
    }
}
