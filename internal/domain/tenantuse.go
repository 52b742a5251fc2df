package domain

// TenantUse is an operator's decision that an account may use a tenant which
// other accounts use, too. Each account still proves itself with an administrator
// of the tenant.
type TenantUse struct {
	ID        string // tenant id + "/" + account id
	TenantID  string
	AccountID string
	Reason    string
	DecidedBy string
	DecidedAt Instant
}
