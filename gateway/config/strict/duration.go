package strict

import (
	"fmt"
	"time"
)

// Duration is a time.Duration written as "30s". A number without a unit is
// refused: it would be taken for nanoseconds.
type Duration time.Duration

// UnmarshalText reads "30s", "5m", "1h30m"; it must be positive.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v <= 0 {
		return fmt.Errorf("%q is not a duration: expected a positive one such as 30s, 5m or 24h; there is no unit for days", text)
	}
	*d = Duration(v)
	return nil
}
