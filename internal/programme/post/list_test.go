package post

import "testing"

func Test_a_text_without_a_name_is_told_by_how_it_begins(t *testing.T) {
	for text, want := range map[string]string{
		"{city}: {unit} has begun work on {ref}. You will have an answer by {due}. {link}": "has begun work on …. You will have an answer by …. …",
		"{city}：{unit}已开始办理{ref}。":                                                         "已开始办理…。",
		"【{city}】{ref}已由{unit}开始办理。":                                                       "已由…开始办理。",
		"Done.": "Done.",
	} {
		if got := beginning(withoutHoles(text)); got != want {
			t.Errorf("%q begins with %q, want %q", text, got, want)
		}
	}
}
