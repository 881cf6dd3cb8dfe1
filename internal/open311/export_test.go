package open311

import "time"

// Hurry makes the server wait no longer than this for the pictures of a report.
func (s *Server) Hurry(d time.Duration) { s.patience = d }
