package main

import (
	"context"
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// confluent-kafka-go: librdkafka, statically linked.
type confluent struct{ address string }

func newConfluent(address string) client { return confluent{address} }

func (c confluent) config(more kafka.ConfigMap) *kafka.ConfigMap {
	more["bootstrap.servers"] = c.address
	more["broker.address.family"] = "v4"
	more["reconnect.backoff.max.ms"] = 200
	return &more
}

func (c confluent) produce(topic, codec string, records []record) error {
	producer, err := kafka.NewProducer(c.config(kafka.ConfigMap{"compression.type": codec, "linger.ms": 20}))
	if err != nil {
		return err
	}
	defer producer.Close()
	delivered := make(chan kafka.Event, len(records))
	for _, one := range records {
		var headers []kafka.Header
		for _, header := range one.Headers {
			headers = append(headers, kafka.Header{Key: header.name(), Value: header.value()})
		}
		message := &kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: 0}, Key: one.Key, Value: one.Value, Headers: headers, Timestamp: time.UnixMilli(one.Time)}
		if err := producer.Produce(message, delivered); err != nil {
			return err
		}
	}
	for range records {
		if err := (<-delivered).(*kafka.Message).TopicPartition.Error; err != nil {
			return err
		}
	}
	return nil
}

func (c confluent) read(topic string, count int) ([]record, error) {
	consumer, err := kafka.NewConsumer(c.config(kafka.ConfigMap{"group.id": "unused", "enable.auto.commit": false}))
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	if err := consumer.Assign([]kafka.TopicPartition{{Topic: &topic, Partition: 0, Offset: 0}}); err != nil {
		return nil, err
	}
	var records []record
	for len(records) < count {
		read, err := consumer.ReadMessage(patience)
		if err != nil {
			return records, err
		}
		var headers []header
		for _, one := range read.Headers {
			headers = append(headers, header{one.Key, one.Value})
		}
		records = append(records, record{int64(read.TopicPartition.Offset), read.Key, read.Value, headers, read.Timestamp.UnixMilli()})
	}
	return records, nil
}

// The member subscribes by a regex that only its topic matches.
func (c confluent) join(group, topic string, session time.Duration) (func() error, error) {
	consumer, err := kafka.NewConsumer(c.config(kafka.ConfigMap{"group.id": group, "enable.auto.commit": false, "auto.offset.reset": "earliest",
		"session.timeout.ms": int(session.Milliseconds()), "heartbeat.interval.ms": 500, "max.poll.interval.ms": 60_000, "partition.assignment.strategy": "range"}))
	if err != nil {
		return nil, err
	}
	if err := consumer.Subscribe("^"+topic+"$", nil); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			message, err := consumer.ReadMessage(100 * time.Millisecond)
			if err != nil {
				continue
			}
			saw(string(message.Value))
			// What cannot be committed is read again, by whoever has the partition.
			_, _ = consumer.CommitMessage(message)
		}
	}()
	return func() error {
		cancel()
		<-ended
		return consumer.Close()
	}, nil
}

func (c confluent) admin(asked command) (string, error) {
	admin, err := kafka.NewAdminClient(c.config(kafka.ConfigMap{}))
	if err != nil {
		return "", err
	}
	defer admin.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	switch asked.Step {
	case "create":
		return first(admin.CreateTopics(ctx, []kafka.TopicSpecification{{Topic: asked.Topic, NumPartitions: asked.Partitions, ReplicationFactor: 1,
			Config: map[string]string{retention: asked.Value}}}))
	case "grow":
		return first(admin.CreatePartitions(ctx, []kafka.PartitionsSpecification{{Topic: asked.Topic, IncreaseTo: asked.Partitions}}))
	case "delete":
		return first(admin.DeleteTopics(ctx, []string{asked.Topic}))
	case "partitions":
		metadata, err := admin.GetMetadata(&asked.Topic, false, int(patience.Milliseconds()))
		if err != nil {
			return "", err
		}
		return fmt.Sprint(len(metadata.Topics[asked.Topic].Partitions)), nil
	case "config":
		results, err := admin.DescribeConfigs(ctx, []kafka.ConfigResource{{Type: kafka.ResourceTopic, Name: asked.Topic}})
		if err != nil {
			return "", err
		}
		return results[0].Config[retention].Value, nil
	case "alter":
		results, err := admin.IncrementalAlterConfigs(ctx, []kafka.ConfigResource{{Type: kafka.ResourceTopic, Name: asked.Topic,
			Config: []kafka.ConfigEntry{{Name: retention, Value: asked.Value, IncrementalOperation: kafka.AlterConfigOpTypeSet}}}})
		if err != nil {
			return "", err
		}
		return refusal(results[0].Error)
	default:
		return c.groups(ctx, admin, asked)
	}
}

func (c confluent) groups(ctx context.Context, admin *kafka.AdminClient, asked command) (string, error) {
	switch asked.Step {
	case "groups":
		groups, err := admin.ListConsumerGroups(ctx)
		found := false
		for _, group := range groups.Valid {
			found = found || group.GroupID == asked.Group
		}
		return listed(found), err
	case "group":
		described, err := admin.DescribeConsumerGroups(ctx, []string{asked.Group})
		if err != nil {
			return "", err
		}
		return described.ConsumerGroupDescriptions[0].State.String(), nil
	case "offsets":
		offsets, err := admin.ListConsumerGroupOffsets(ctx, []kafka.ConsumerGroupTopicPartitions{{Group: asked.Group}})
		if err != nil {
			return "", err
		}
		var sum int64
		for _, partition := range offsets.ConsumerGroupsTopicPartitions[0].Partitions {
			sum += int64(partition.Offset)
		}
		return fmt.Sprint(sum), nil
	default:
		deleted, err := admin.DeleteConsumerGroups(ctx, []string{asked.Group})
		if err != nil {
			return "", err
		}
		return refusal(deleted.ConsumerGroupResults[0].Error)
	}
}

// An error without its text, which is the broker's own.
func refusal(err kafka.Error) (string, error) {
	if err.Code() != kafka.ErrNoError {
		return "", fmt.Errorf("%v", err.Code())
	}
	return done, nil
}

func first(results []kafka.TopicResult, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return refusal(results[0].Error)
}
