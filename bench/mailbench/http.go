// The load source by HTTP: one message a request, over connections that stay open.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// httpSource posts messages until all are sent. A connection that breaks is opened anew.
func httpSource(worker int, next *int64, cs []choice, res *result, body []byte) {
	rnd := rand.New(rand.NewSource(int64(worker)))
	text, _ := json.Marshal(string(body))
	where := *to
	if *post != "" {
		where = *post
	}
	for turn := worker; ; turn++ {
		conn, err := net.DialTimeout("tcp", relay(where, turn), 10*time.Second)
		if err != nil {
			if atomic.LoadInt64(next) >= int64(*n) {
				return
			}
			time.Sleep(200 * time.Millisecond)
			continue
		}
		more := httpSession(conn, rnd, next, cs, res, text)
		conn.Close()
		if !more {
			return
		}
	}
}

// httpSession posts on one connection; false when all are sent.
func httpSession(conn net.Conn, rnd *rand.Rand, next *int64, cs []choice, res *result, text []byte) bool {
	r := bufio.NewReader(conn)
	w := bufio.NewWriterSize(conn, 64<<10)
	for {
		i := atomic.AddInt64(next, 1)
		if i > int64(*n) {
			return false
		}
		pace(i)
		id := fmt.Sprintf("%s-%d", *prefix, i)
		head := fmt.Sprintf(`{"from":{"address":"%s","name":"Bench"},"to":[{"address":"u%d@%s"}],"subject":"bench %d","headers":{"X-Bench-Id":"%s"},"text":`,
			*from, i, pick(cs, rnd), i, id)
		key := ""
		if *keys {
			key = "Idempotency-Key: " + id + "\r\n"
		}
		fmt.Fprintf(w, "POST /v1/messages HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s",
			conn.RemoteAddr(), *token, key, len(head)+len(text)+1, head)
		w.Write(text)
		w.WriteByte('}')
		led.Lock()
		led.sending(id)
		led.Unlock()
		conn.SetDeadline(time.Now().Add(60 * time.Second))
		status, said, err := 0, "", w.Flush()
		if err == nil {
			status, said, err = httpAnswer(r)
		}
		led.Lock()
		switch {
		case err != nil:
			led.unknown[id] = true
		case status == 202:
			led.accepted(id)
		default:
			led.refused()
			delete(led.sent, id)
		}
		led.Unlock()
		if err != nil {
			return true
		}
		if status == 202 {
			atomic.AddInt64(&res.accepted, 1)
		} else if atomic.AddInt64(&res.refused, 1) < 4 {
			fmt.Fprintln(os.Stderr, "refused:", status, strings.TrimSpace(said))
		}
	}
}

func httpAnswer(r *bufio.Reader) (int, string, error) {
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(said), err
}
