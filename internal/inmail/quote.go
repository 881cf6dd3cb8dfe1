package inmail

import (
	"regexp"
	"strings"
)

// The lines with which mail programs begin what they repeat of an earlier mail. They are marks of programs, not
// phrases of ours.
var (
	wrote    = regexp.MustCompile(`(?i)^.{0,200}(\bwrote|\bschrieb|\ba écrit|写道|寫道)\s*[:：]\s*$`)
	original = regexp.MustCompile(`(?i)^-{2,}\s*(original message|original|原始邮件|原邮件|原始郵件|回复的原邮件)\s*-{2,}\s*$`)
	headOf   = regexp.MustCompile(`(?i)^\**(from|发件人|寄件者)\**\s*[:：]`)
	headMore = regexp.MustCompile(`(?i)^\**(sent|date|to|发送时间|发送日期|日期|收件人|收件者)\**\s*[:：]`)
	sentOn   = regexp.MustCompile(`(?i)^-{2,}\s*(forwarded message|转发的邮件|转发邮件信息|轉寄郵件)\s*-{2,}`)
	sendsOn  = regexp.MustCompile(`(?i)^(fwd?|转发|轉寄)\s*[:：]`) // a subject
)

// fresh is what somebody wrote now. Some programs mark a mail that is sent on in the subject alone, and set its
// head as in an answer.
func (m *Mail) fresh() string {
	if sendsOn.MatchString(m.Subject) {
		return m.Text
	}
	return fresh(m.Text)
}

// fresh is what somebody wrote now: without what their program repeats of an earlier mail, and without their
// signature. A mail that was sent on is kept whole, and so is one of which nothing would be left.
func fresh(s string) string {
	lines := strings.Split(s, "\n")
	end := len(lines)
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if sentOn.MatchString(line) {
			return s
		}
		if line == "--" && i > 0 || original.MatchString(line) || wrote.MatchString(line) || wroteInTwo(lines, i) || isHead(lines, i) {
			end = i
			break
		}
	}
	for end > 0 && (strings.TrimSpace(lines[end-1]) == "" || strings.HasPrefix(strings.TrimSpace(lines[end-1]), ">")) {
		end--
	}
	out := strings.TrimSpace(strings.Join(lines[:end], "\n"))
	if out == "" {
		return s
	}
	return out
}

// wroteInTwo finds "On … \n … wrote:", which programs break where a line is long.
func wroteInTwo(lines []string, i int) bool {
	if i+1 >= len(lines) {
		return false
	}
	line := strings.TrimSpace(lines[i])
	return len(line) < 100 && strings.HasPrefix(line, "On ") && wrote.MatchString(line+" "+strings.TrimSpace(lines[i+1]))
}

// isHead finds the head of an earlier mail as programs of offices set it before its words.
func isHead(lines []string, i int) bool {
	if i == 0 || !headOf.MatchString(strings.TrimSpace(lines[i])) {
		return false
	}
	more := 0
	for _, line := range lines[i+1 : min(len(lines), i+5)] {
		if headMore.MatchString(strings.TrimSpace(line)) {
			more++
		}
	}
	return more >= 2
}
