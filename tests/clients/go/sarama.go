package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// sarama.
type saramaClient struct{ address string }

func newSarama(address string) client { return saramaClient{address} }

var saramaCodecs = map[string]sarama.CompressionCodec{
	"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
}

func (s saramaClient) config() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.MaxWaitTime = 100 * time.Millisecond
	return config
}

// An encoder of nil is null; one of no bytes is empty.
func encoder(bytes []byte) sarama.Encoder {
	if bytes == nil {
		return nil
	}
	return sarama.ByteEncoder(bytes)
}

func (s saramaClient) produce(topic, codec string, records []record) error {
	config := s.config()
	config.Producer.Compression = saramaCodecs[codec]
	producer, err := sarama.NewSyncProducer([]string{s.address}, config)
	if err != nil {
		return err
	}
	defer producer.Close()
	var sent []*sarama.ProducerMessage
	for _, one := range records {
		var headers []sarama.RecordHeader
		for _, header := range one.Headers {
			headers = append(headers, sarama.RecordHeader{Key: []byte(header.name()), Value: header.value()})
		}
		sent = append(sent, &sarama.ProducerMessage{Topic: topic, Partition: 0, Key: encoder(one.Key), Value: encoder(one.Value), Headers: headers, Timestamp: time.UnixMilli(one.Time)})
	}
	err = producer.SendMessages(sent)
	var each sarama.ProducerErrors
	if errors.As(err, &each) {
		return each[0].Err
	}
	return err
}

func (s saramaClient) read(topic string, count int) ([]record, error) {
	consumer, err := sarama.NewConsumer([]string{s.address}, s.config())
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	partition, err := consumer.ConsumePartition(topic, 0, sarama.OffsetOldest)
	if err != nil {
		return nil, err
	}
	defer partition.Close()
	var records []record
	late := time.After(patience)
	for len(records) < count {
		select {
		case read := <-partition.Messages():
			var headers []header
			for _, one := range read.Headers {
				headers = append(headers, header{string(one.Key), one.Value})
			}
			records = append(records, record{read.Offset, read.Key, read.Value, headers, read.Timestamp.UnixMilli()})
		case <-late:
			return records, errors.New("too late")
		}
	}
	return records, nil
}

// One claimed partition: a rebalance waits until what was read of it is committed.
type claims struct{}

func (claims) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (claims) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (claims) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			values := []string{string(message.Value)}
			session.MarkMessage(message, "")
			// All that is here: a commit waits behind the fetch that is under way on the same connection.
			for range len(claim.Messages()) {
				message := <-claim.Messages()
				values = append(values, string(message.Value))
				session.MarkMessage(message, "")
			}
			saw(values...)
			session.Commit()
		case <-session.Context().Done():
			return nil
		}
	}
}

func (s saramaClient) join(group, topic string, session time.Duration) (func() error, error) {
	config := s.config()
	config.Consumer.Group.Session.Timeout = session
	config.Consumer.Group.Heartbeat.Interval = heartbeats
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyRange()}
	member, err := sarama.NewConsumerGroup([]string{s.address}, group, config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			// It returns at every rebalance, and after a session that was lost.
			_ = member.Consume(ctx, []string{topic}, claims{})
		}
	}()
	return func() error {
		cancel()
		<-ended
		return member.Close()
	}, nil
}

func (s saramaClient) admin(asked command) (string, error) {
	admin, err := sarama.NewClusterAdmin([]string{s.address}, s.config())
	if err != nil {
		return "", err
	}
	defer admin.Close()
	value := asked.Value
	switch asked.Step {
	case "create":
		return done, admin.CreateTopic(asked.Topic, &sarama.TopicDetail{NumPartitions: int32(asked.Partitions), ReplicationFactor: 1, ConfigEntries: map[string]*string{retention: &value}}, false)
	case "grow":
		return done, admin.CreatePartitions(asked.Topic, int32(asked.Partitions), nil, false)
	case "partitions":
		topics, err := admin.DescribeTopics([]string{asked.Topic})
		if err != nil {
			return "", err
		}
		return fmt.Sprint(len(topics[0].Partitions)), nil
	case "config":
		entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: asked.Topic, ConfigNames: []string{retention}})
		if err != nil {
			return "", err
		}
		return entries[0].Value, nil
	case "alter":
		entries := map[string]sarama.IncrementalAlterConfigsEntry{retention: {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value}}
		return done, admin.IncrementalAlterConfig(sarama.TopicResource, asked.Topic, entries, false)
	case "groups":
		groups, err := admin.ListConsumerGroups()
		_, found := groups[asked.Group]
		return listed(found), err
	case "group":
		described, err := admin.DescribeConsumerGroups([]string{asked.Group})
		if err != nil {
			return "", err
		}
		return described[0].State, nil
	case "offsets":
		offsets, err := admin.ListConsumerGroupOffsets(asked.Group, nil)
		if err != nil {
			return "", err
		}
		var sum int64
		for _, partitions := range offsets.Blocks {
			for _, block := range partitions {
				sum += block.Offset
			}
		}
		return fmt.Sprint(sum), nil
	case "delete-group":
		return done, admin.DeleteConsumerGroup(asked.Group)
	default:
		return done, admin.DeleteTopic(asked.Topic)
	}
}
