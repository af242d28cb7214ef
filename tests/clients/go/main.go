// The Go clients, by the protocol of programs.py.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Bytes are base64 in JSON, and null when nil.
type header [2]any

type record struct {
	Offset  int64    `json:"offset"`
	Key     []byte   `json:"key"`
	Value   []byte   `json:"value"`
	Headers []header `json:"headers"`
	Time    int64    `json:"time"`
}

type command struct {
	Do         string   `json:"do"`
	Topic      string   `json:"topic"`
	Codec      string   `json:"codec"`
	Records    []record `json:"records"`
	Count      int      `json:"count"`
	Group      string   `json:"group"`
	Session    int      `json:"session"`
	Step       string   `json:"step"`
	Partitions int      `json:"partitions"`
	Value      string   `json:"value"`
}

type answer map[string]any

// What every client does in its own way.
type client interface {
	produce(topic, codec string, records []record) error
	read(topic string, count int) ([]record, error)
	// join gives what ends the member in good order.
	join(group, topic string, session time.Duration) (func() error, error)
	admin(command) (string, error)
}

var clients = map[string]func(address string) client{
	"confluent-kafka-go": newConfluent,
	"franz-go":           newFranz,
	"sarama":             newSarama,
	"kafka-go":           newSegmentio,
}

const (
	patience   = 30 * time.Second
	notInHere  = "not in this client"
	done       = "done"
	retention  = "retention.ms"
	heartbeats = 500 * time.Millisecond
)

var saying sync.Mutex

func say(line answer) {
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	saying.Lock()
	defer saying.Unlock()
	os.Stdout.Write(append(text, '\n'))
}

func saw(values ...string) { say(answer{"saw": values}) }

func (h *header) UnmarshalJSON(text []byte) error {
	var name string
	var value []byte
	if err := json.Unmarshal(text, &[]any{&name, &value}); err != nil {
		return err
	}
	*h = header{name, value}
	return nil
}

func (h header) name() string  { return h[0].(string) }
func (h header) value() []byte { return h[1].([]byte) }

func main() {
	here := clients[os.Args[1]](os.Args[2])
	lines := bufio.NewReader(os.Stdin)
	var leave func() error
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		var asked command
		if err := json.Unmarshal(line, &asked); err != nil {
			panic(err)
		}
		told, err := carryOut(here, asked, &leave)
		if err != nil {
			told = answer{"error": fmt.Sprint(err)}
		}
		say(told)
	}
}

func carryOut(here client, asked command, leave *func() error) (answer, error) {
	switch asked.Do {
	case "produce":
		return answer{"produced": len(asked.Records)}, here.produce(asked.Topic, asked.Codec, asked.Records)
	case "read":
		records, err := here.read(asked.Topic, asked.Count)
		for at := range records {
			if records[at].Headers == nil {
				records[at].Headers = []header{}
			}
		}
		return answer{"records": records}, err
	case "join":
		var err error
		*leave, err = here.join(asked.Group, asked.Topic, time.Duration(asked.Session)*time.Millisecond)
		return answer{"joined": true}, err
	case "leave":
		return answer{"left": true}, (*leave)()
	default:
		text, err := here.admin(asked)
		return answer{"answer": text}, err
	}
}

func listed(found bool) string {
	if found {
		return "listed"
	}
	return "not listed"
}
