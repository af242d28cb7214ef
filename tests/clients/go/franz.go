package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// franz-go.
type franz struct{ address string }

func newFranz(address string) client { return franz{address} }

var franzCodecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func (f franz) client(options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(options, kgo.SeedBrokers(f.address))...)
}

func (f franz) produce(topic, codec string, records []record) error {
	client, err := f.client(kgo.ProducerBatchCompression(franzCodecs[codec]), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(20*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	var sent []*kgo.Record
	for _, one := range records {
		var headers []kgo.RecordHeader
		for _, header := range one.Headers {
			headers = append(headers, kgo.RecordHeader{Key: header.name(), Value: header.value()})
		}
		sent = append(sent, &kgo.Record{Topic: topic, Key: one.Key, Value: one.Value, Headers: headers, Timestamp: time.UnixMilli(one.Time)})
	}
	return client.ProduceSync(context.Background(), sent...).FirstErr()
}

func (f franz) read(topic string, count int) ([]record, error) {
	client, err := f.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var records []record
	for len(records) < count {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		fetches.EachRecord(func(read *kgo.Record) {
			var headers []header
			for _, one := range read.Headers {
				headers = append(headers, header{one.Key, one.Value})
			}
			records = append(records, record{read.Offset, read.Key, read.Value, headers, read.Timestamp.UnixMilli()})
		})
	}
	return records, nil
}

func (f franz) join(group, topic string, session time.Duration) (func() error, error) {
	client, err := f.client(kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.SessionTimeout(session), kgo.HeartbeatInterval(heartbeats),
		kgo.Balancers(kgo.RangeBalancer()), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			fetches := client.PollFetches(ctx)
			var values []string
			fetches.EachRecord(func(read *kgo.Record) { values = append(values, string(read.Value)) })
			if len(values) > 0 {
				saw(values...)
				// What cannot be committed is read again, by whoever has the partition.
				_ = client.CommitUncommittedOffsets(context.Background())
			}
			client.AllowRebalance()
		}
	}()
	return func() error {
		cancel()
		<-ended
		client.CloseAllowingRebalance()
		return nil
	}, nil
}

func (f franz) admin(asked command) (string, error) {
	client, err := f.client()
	if err != nil {
		return "", err
	}
	admin := kadm.NewClient(client)
	defer admin.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	value := asked.Value
	switch asked.Step {
	case "create":
		_, err := admin.CreateTopic(ctx, int32(asked.Partitions), 1, map[string]*string{retention: &value}, asked.Topic)
		return done, err
	case "grow":
		answers, err := admin.UpdatePartitions(ctx, asked.Partitions, asked.Topic)
		if err == nil {
			err = answers.Error()
		}
		return done, err
	case "partitions":
		topics, err := admin.ListTopics(ctx, asked.Topic)
		return fmt.Sprint(len(topics[asked.Topic].Partitions)), err
	case "config":
		described, err := admin.DescribeTopicConfigs(ctx, asked.Topic)
		if err != nil {
			return "", err
		}
		for _, config := range described[0].Configs {
			if config.Key == retention {
				return config.MaybeValue(), described[0].Err
			}
		}
		return "not told", described[0].Err
	case "alter":
		answers, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: retention, Value: &value}}, asked.Topic)
		if err == nil {
			err = answers[0].Err
		}
		return done, err
	case "groups":
		groups, err := admin.ListGroups(ctx)
		_, found := groups[asked.Group]
		return listed(found), err
	case "group":
		described, err := admin.DescribeGroups(ctx, asked.Group)
		return described[asked.Group].State, err
	case "offsets":
		var sum int64
		offsets, err := admin.FetchOffsets(ctx, asked.Group)
		offsets.Each(func(one kadm.OffsetResponse) { sum += one.At })
		return fmt.Sprint(sum), err
	case "delete-group":
		_, err := admin.DeleteGroup(ctx, asked.Group)
		return done, err
	default:
		_, err := admin.DeleteTopic(ctx, asked.Topic)
		return done, err
	}
}
