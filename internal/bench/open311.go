package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"comity/internal/account"
	"comity/internal/api"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/file"
	"comity/internal/jobs"
	"comity/internal/load"
	"comity/internal/open311"
	"comity/internal/pack"
	"comity/internal/text"
)

// geoReport measures POST requests of Open311 against opening the same cases through the JSON API, each with a key
// and an idempotency key, through the handlers and without a network.
func geoReport(ctx context.Context, o options, dir string, t *table) error {
	p, err := demoPack()
	if err != nil {
		return err
	}
	var viaAPI, viaForm series
	for round := range o.rounds + 1 { // the first one warms up
		cmds, err := reports(p, o.cases, uint64(round+1))
		if err != nil {
			return err
		}
		a, f, err := reportBoth(ctx, o, p, dir, cmds, round%2 == 0)
		if err != nil {
			return err
		}
		if round > 0 {
			viaAPI, viaForm = append(viaAPI, float64(len(cmds))/a.Seconds()), append(viaForm, float64(len(cmds))/f.Seconds())
		}
	}
	ratio := viaForm.over(viaAPI)
	t.row(fmt.Sprintf("Open311 POST requests, %d clients, /s", o.clients), viaForm.format("%.0f"), "the same reports through the JSON API: "+viaAPI.format("%.0f"),
		ratio.String(), "≥ 0.80", yes(ratio.median() >= 0.8))
	return nil
}

// reportBoth sends all reports both ways, each into an empty city of its own.
func reportBoth(ctx context.Context, o options, p *pack.Pack, dir string, cmds []casework.Command, apiFirst bool) (viaAPI, viaForm time.Duration, err error) {
	one := func(api bool) error {
		took, err := reportInto(ctx, o, p, dir, cmds, api)
		if api {
			viaAPI = took
		} else {
			viaForm = took
		}
		return err
	}
	return viaAPI, viaForm, errors.Join(one(apiFirst), one(!apiFirst))
}

func reportInto(ctx context.Context, o options, p *pack.Pack, dir string, cmds []casework.Command, viaAPI bool) (time.Duration, error) {
	dir, err := os.MkdirTemp(dir, "reports-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	c, err := openCity(ctx, p, filepath.Join(dir, "city.db"))
	if err != nil {
		return 0, err
	}
	defer c.Close()
	mux, key, err := doors(ctx, c, dir)
	if err != nil {
		return 0, err
	}
	requests := make([]*http.Request, len(cmds))
	for i, cmd := range cmds {
		if requests[i], err = asRequest(cmd.Open, key, i, viaAPI); err != nil {
			return 0, err
		}
	}
	return load.InTurn(o.clients, len(cmds), func(i int) error {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, requests[i])
		if w.Code/100 != 2 {
			return fmt.Errorf("report %d is answered %d: %s", i, w.Code, w.Body)
		}
		return nil
	})
}

// doors puts API and Open311 before a city, with one account that may send.
func doors(ctx context.Context, c *city, dir string) (*http.ServeMux, string, error) {
	if err := account.Migrate(ctx, c.d); err != nil {
		return nil, "", err
	}
	accounts, err := account.New(c.d, account.Config{Hashing: account.Cheap()})
	if err != nil {
		return nil, "", err
	}
	root := c.pack.Units.Root()
	if _, err := accounts.Create(ctx, account.Account{ID: "bench", Login: "bench", Name: map[string]string{"en": "Bench"}, Grants: []authz.Grant{{Role: "clerk", Unit: root}}}, "long enough"); err != nil {
		return nil, "", err
	}
	_, key, err := accounts.CreateToken(ctx, authz.Actor{}, account.Token{Account: "bench", Name: "bench", Powers: authz.Powers, Expires: time.Now().AddDate(0, 0, 30)})
	if err != nil {
		return nil, "", err
	}
	words, err := text.Base()
	if err != nil {
		return nil, "", err
	}
	runner, err := jobs.NewRunner(c.d, jobs.Kind{Name: "none", Run: func(context.Context, jobs.Job) error { return nil }})
	if err != nil {
		return nil, "", err
	}
	var asked atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(asked.Add(1)) * time.Second) } // or the limit on requests would be measured
	packs, store := pack.NewRegistry(c.pack), file.Store{Dir: filepath.Join(dir, "files")}
	mux := http.NewServeMux()
	api.New(api.Deps{DB: c.d, Ledger: c.l, Reader: c.r, Packs: packs, Text: words, Accounts: accounts, Files: store, Jobs: runner, Now: now}).Register(mux)
	open311.New(open311.Deps{Ledger: c.l, Reader: c.r, Packs: packs, Text: words, Accounts: accounts, Files: store, Secret: []byte("bench"), Now: now}).Register(mux)
	return mux, key, nil
}

// asRequest writes one report as either of the two doors takes it.
func asRequest(o *casework.Opening, key string, i int, viaAPI bool) (*http.Request, error) {
	number := strconv.Itoa(i)
	address := o.Place.Address
	if address == "" {
		address = string(o.Place.Unit)
	}
	if viaAPI {
		body, err := json.Marshal(map[string]any{"category": o.Category, "text": o.Text, "address": address, "contact": map[string]string{"channel": "sms", "address": "13900001234", "name": "Ann Lee"}})
		if err != nil {
			return nil, err
		}
		r := httptest.NewRequest(http.MethodPost, "/api/v1/cases", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+key)
		r.Header.Set("Idempotency-Key", number)
		return r, nil
	}
	v := url.Values{"api_key": {key}, "service_code": {o.Category}, "description": {o.Text}, "address_string": {address}, "phone": {"13900001234"},
		"first_name": {"Ann"}, "last_name": {"Lee"}, "attribute[fixmystreet_id]": {number}}
	r := httptest.NewRequest(http.MethodPost, open311.Endpoint+"requests.xml", bytes.NewReader([]byte(v.Encode())))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r, nil
}
