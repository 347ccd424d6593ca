package mail

// Status is the result of an authentication method, in the words of RFC 8601,
// Section 2.7. The zero Status is not a result.
type Status string

// The results of RFC 8601 that the gateway uses.
const (
	None      Status = "none"
	Pass      Status = "pass"
	Fail      Status = "fail"
	SoftFail  Status = "softfail"
	Neutral   Status = "neutral"
	Policy    Status = "policy"
	TempError Status = "temperror"
	PermError Status = "permerror"
)
