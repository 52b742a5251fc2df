package service

// SetSlice sets how many operations one transaction applies.
func (s *Service) SetSlice(operations int) { s.slice = operations }
