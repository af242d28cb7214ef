package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// segmentio/kafka-go.
type segmentio struct{ address string }

func newSegmentio(address string) client { return segmentio{address} }

var segmentioCodecs = map[string]kafka.Compression{"gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd}

func (s segmentio) produce(topic, codec string, records []record) error {
	// With a transport of its own: the shared one may have asked for the topics before this one was made, and does not ask again for seconds.
	writer := &kafka.Writer{Addr: kafka.TCP(s.address), Topic: topic, RequiredAcks: kafka.RequireAll, Compression: segmentioCodecs[codec], BatchTimeout: 20 * time.Millisecond,
		Transport: &kafka.Transport{}}
	defer writer.Close()
	var sent []kafka.Message
	for _, one := range records {
		var headers []kafka.Header
		for _, header := range one.Headers {
			headers = append(headers, kafka.Header{Key: header.name(), Value: header.value()})
		}
		sent = append(sent, kafka.Message{Key: one.Key, Value: one.Value, Headers: headers, Time: time.UnixMilli(one.Time)})
	}
	return writer.WriteMessages(context.Background(), sent...)
}

func (s segmentio) read(topic string, count int) ([]record, error) {
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{s.address}, Topic: topic, Partition: 0, MaxWait: time.Second})
	defer reader.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var records []record
	for len(records) < count {
		read, err := reader.ReadMessage(ctx)
		if err != nil {
			return records, err
		}
		var headers []header
		for _, one := range read.Headers {
			headers = append(headers, header{one.Key, one.Value})
		}
		records = append(records, record{read.Offset, read.Key, read.Value, headers, read.Time.UnixMilli()})
	}
	return records, nil
}

func (s segmentio) join(group, topic string, session time.Duration) (func() error, error) {
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{s.address}, GroupID: group, Topic: topic, SessionTimeout: session, RebalanceTimeout: session,
		HeartbeatInterval: heartbeats, MaxWait: time.Second, GroupBalancers: []kafka.GroupBalancer{kafka.RangeGroupBalancer{}}, StartOffset: kafka.FirstOffset})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			message, err := reader.FetchMessage(ctx)
			if err != nil {
				continue
			}
			saw(string(message.Value))
			// What cannot be committed is read again, by whoever has the partition.
			_ = reader.CommitMessages(context.Background(), message)
		}
	}()
	return func() error {
		cancel()
		<-ended
		return reader.Close()
	}, nil
}

func (s segmentio) admin(asked command) (string, error) {
	client := &kafka.Client{Addr: kafka.TCP(s.address), Timeout: patience}
	ctx := context.Background()
	switch asked.Step {
	case "create":
		answer, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: asked.Topic, NumPartitions: asked.Partitions,
			ReplicationFactor: 1, ConfigEntries: []kafka.ConfigEntry{{ConfigName: retention, ConfigValue: asked.Value}}}}})
		if err == nil {
			err = answer.Errors[asked.Topic]
		}
		return done, err
	case "grow":
		answer, err := client.CreatePartitions(ctx, &kafka.CreatePartitionsRequest{Topics: []kafka.TopicPartitionsConfig{{Name: asked.Topic, Count: int32(asked.Partitions)}}})
		if err == nil {
			err = answer.Errors[asked.Topic]
		}
		return done, err
	case "partitions":
		answer, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{asked.Topic}})
		if err != nil {
			return "", err
		}
		return fmt.Sprint(len(answer.Topics[0].Partitions)), nil
	case "config":
		answer, err := client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{
			{ResourceType: kafka.ResourceTypeTopic, ResourceName: asked.Topic, ConfigNames: []string{retention}}}})
		if err != nil {
			return "", err
		}
		return answer.Resources[0].ConfigEntries[0].ConfigValue, answer.Resources[0].Error
	case "alter":
		answer, err := client.IncrementalAlterConfigs(ctx, &kafka.IncrementalAlterConfigsRequest{Resources: []kafka.IncrementalAlterConfigsRequestResource{
			{ResourceType: kafka.ResourceTypeTopic, ResourceName: asked.Topic, Configs: []kafka.IncrementalAlterConfigsRequestConfig{
				{Name: retention, Value: asked.Value, ConfigOperation: kafka.ConfigOperationSet}}}}})
		if err == nil {
			err = answer.Resources[0].Error
		}
		return done, err
	default:
		return s.groups(ctx, client, asked)
	}
}

func (s segmentio) groups(ctx context.Context, client *kafka.Client, asked command) (string, error) {
	switch asked.Step {
	case "groups":
		answer, err := client.ListGroups(ctx, &kafka.ListGroupsRequest{})
		if err != nil {
			return "", err
		}
		found := false
		for _, group := range answer.Groups {
			found = found || group.GroupID == asked.Group
		}
		return listed(found), answer.Error
	case "group":
		answer, err := client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{asked.Group}})
		if err != nil {
			return "", err
		}
		return answer.Groups[0].GroupState, answer.Groups[0].Error
	case "offsets":
		answer, err := client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: asked.Group})
		if err != nil {
			return "", err
		}
		var sum int64
		for _, partitions := range answer.Topics {
			for _, partition := range partitions {
				sum += partition.CommittedOffset
			}
		}
		return fmt.Sprint(sum), answer.Error
	case "delete-group":
		answer, err := client.DeleteGroups(ctx, &kafka.DeleteGroupsRequest{GroupIDs: []string{asked.Group}})
		if err == nil {
			err = answer.Errors[asked.Group]
		}
		return done, err
	case "delete":
		answer, err := client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{asked.Topic}})
		if err == nil {
			err = answer.Errors[asked.Topic]
		}
		return done, err
	default:
		return "", errors.New("no such step")
	}
}
