// Package gateway speaks with the machines that take messages: mail relays by SMTP, gateways for text messages
// and chat by HTTP, and receivers of signed webhooks. It also reads the operator's file that names them.
//
// It owns how a message is put on the wire and how an answer is read: taken, refused for now, or refused for good.
// It keeps nothing and knows no case: what is tried again, when and how often is the courier's.
//
// It refuses machines in private ranges that the operator did not list, redirects, answers without end, and
// header lines that somebody wrote into a name or an address.
//
// Open smtp.go or http.go for the two kinds of gateways, webhook.go for signatures, config.go for the file.
// What may be called is outward's to say.
package gateway

import (
	"context"
	"errors"
	"time"

	"comity/internal/courier"
)

// dialTime bounds the making of one secure line.
const dialTime = 15 * time.Second

func delivered(words, id string) courier.Answer {
	return courier.Answer{State: courier.Delivered, Words: words, ID: id}
}

func temporary(words string) courier.Answer {
	return courier.Answer{State: courier.Temporary, Words: words}
}

func permanent(words string) courier.Answer {
	return courier.Answer{State: courier.Permanent, Words: words}
}

// failed is a call that came to no answer. What is wrong may pass: the other machine is away, or the operator
// corrects the file.
func failed(err error) courier.Answer {
	if errors.Is(err, context.DeadlineExceeded) {
		return temporary("no answer in time")
	}
	return temporary(err.Error())
}
