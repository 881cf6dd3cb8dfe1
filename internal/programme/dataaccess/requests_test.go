package dataaccess

import (
	"context"
	"errors"
	"testing"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/intake"
)

func Test_an_application_has_one_data_request_at_a_time(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		first := c.must(c.ask("JZ-26-000318", "car_owned"))
		_, err := c.ask(" jz-26 -000318", "savings_band") // the same number, typed otherwise
		said(t, err, "application", "dataaccess.one_at_a_time")
		c.must(c.ask("JZ-26-000319", "car_owned")) // another application is another matter
		c.done(c.does(officer, first, "drop", "reason", "The household showed the papers itself."))
		c.must(c.ask("JZ-26-000318", "savings_band"))
	})
}

func Test_a_question_the_person_refused_is_not_asked_again_for_that_application(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		k := c.must(c.ask("JZ-26-000318", "car_owned"))
		c.done(c.does(officer, k, "ask"))
		c.done(c.does(holder(k), k, "refuse"))
		_, err := c.ask("JZ-26-000318", "car_owned")
		said(t, err, "question", "dataaccess.refused_before")
		other := c.must(c.ask("JZ-26-000318", "pension_paid")) // another question is another decision
		// She changes her mind about the first, but one request is open: it has to wait.
		var no *casework.Refusal
		if err := c.does(holder(k), k, "consent", "agree", "yes"); !errors.As(err, &no) || no.Rule != "dataaccess.one_at_a_time" {
			t.Fatalf("got %v", err)
		}
		c.done(c.does(officer, other, "drop", "reason", "Not needed."))
		c.done(c.does(holder(k), k, "consent", "agree", "yes"))
		_, err = c.ask("JZ-26-000318", "savings_band")
		said(t, err, "application", "dataaccess.one_at_a_time")
	})
}

func Test_consent_taken_back_is_a_refusal_and_silence_is_not(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		k := c.must(c.ask("A-1", "car_owned"))
		c.done(c.does(officer, k, "ask"))
		c.done(c.does(holder(k), k, "consent", "agree", "yes"))
		c.done(c.does(holder(k), k, "take_back"))
		_, err := c.ask("A-1", "car_owned")
		said(t, err, "question", "dataaccess.refused_before")

		quiet := c.must(c.ask("A-2", "car_owned"))
		c.done(c.does(officer, quiet, "ask"))
		c.set(quiet.Opened.Add(40 * 24 * time.Hour))
		for {
			n, err := c.city.Ledger.RunTimers(t.Context(), 50)
			c.done(err)
			if n == 0 {
				break
			}
		}
		c.must(c.ask("A-2", "car_owned")) // nobody said no
	})
}

func Test_the_table_of_requests_holds_no_number_of_an_application(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		c.must(c.ask("JZ-26-000318", "car_owned"))
		c.done(c.try(func(ctx context.Context, tx *db.Tx) error {
			rows, err := requestsOf(ctx, tx, "application of JZ-26-000318")
			if err == nil && (len(rows) != 1 || rows[0].State != open) {
				t.Errorf("kept %v", rows)
			}
			none, err2 := requestsOf(ctx, tx, "JZ-26-000318")
			if len(none) > 0 {
				t.Error("the number itself is kept")
			}
			return errors.Join(err, err2)
		}))
	})
}

func Test_no_picture_can_be_attached_to_a_case_of_this_programme(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		picture := casework.File{SHA256: "a", Name: "still.jpg", Kind: "image/jpeg", Size: 3}
		paper := casework.File{SHA256: "b", Name: "signed.pdf", Kind: "application/pdf", Size: 3}
		report := intake.Report{Category: "camera.footage", Title: "Bicycle", Text: "Taken at the market.", Unit: "guiyuan-ganyuan", Source: "web",
			Fields: map[string]string{"day": "2026-03-01", "hours": "noon", "relation": "self", "protects": "property"}}
		cmd, err := intake.Command(c.pack, report)
		c.done(err)
		cmd.Files = []casework.File{picture}
		_, err = c.open(cmd)
		said(t, err, "photos", "dataaccess.no_pictures")
		cmd.Files = []casework.File{paper}
		k := c.must(c.open(cmd))
		_, err = c.city.Ledger.Do(t.Context(), holder(k), casework.Command{Case: k.ID, Version: casework.AnyVersion, Files: []casework.File{picture}})
		said(t, err, "files", "dataaccess.no_pictures")
		// Other programmes keep their pictures.
		lamp, err := intake.Command(c.pack, intake.Report{Category: "road.pavement", Title: "Tile", Text: "Loose.", Unit: "guiyuan-ganyuan", Source: "web"})
		c.done(err)
		lamp.Files = []casework.File{picture}
		c.must(c.open(lamp))
	})
}
