//go:build unix

package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Owner is a user to whom files belong.
type Owner struct {
	Path string // what belongs to it
	UID  uint32
	Name string // "" if the system knows none
}

func (o Owner) String() string {
	if o.Name == "" {
		return fmt.Sprintf("uid %d", o.UID)
	}
	return fmt.Sprintf("uid %d (%s)", o.UID, o.Name)
}

// Sudo is how to run a command as that user.
func (o Owner) Sudo() string {
	if o.Name == "" {
		return fmt.Sprintf("sudo -u '#%d'", o.UID)
	}
	return "sudo -u " + o.Name
}

// Cures says what to do for who is to serve from what belongs to o.
func (o Owner) Cures() string {
	give := fmt.Sprintf("if it is to be that of the user running mxgate (uid %d), correct its owner (chown -R) and mode (0700)", os.Geteuid())
	if o.UID == 0 { // no gateway needs to run as root
		return fmt.Sprintf("%s belongs to %s: %s", o.Path, o, give)
	}
	return fmt.Sprintf("%s belongs to %s: run this as that user (%s mxgate ...); or, %s", o.Path, o, o.Sudo(), give)
}

// Denied reports whose it is that err was denied on: dir, or what is nearest to
// what err names in dir. It reports false where err is another one, or where what
// is there belongs to the user who runs this: other advice helps then.
func Denied(dir string, err error) (Owner, bool) {
	at, ok := errors.AsType[*fs.PathError](err)
	if !errors.Is(err, fs.ErrPermission) || !ok {
		return Owner{}, false
	}
	path, dir := filepath.Clean(at.Path), filepath.Clean(dir)
	if path != dir && !strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/") {
		path = dir
	}
	info, err := os.Stat(path)
	for err != nil && path != dir {
		path = filepath.Dir(path)
		info, err = os.Stat(path)
	}
	if err != nil {
		return Owner{}, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int64(stat.Uid) == int64(os.Geteuid()) {
		return Owner{}, false
	}
	o := Owner{Path: path, UID: stat.Uid}
	if u, err := user.LookupId(strconv.FormatUint(uint64(o.UID), 10)); err == nil {
		o.Name = u.Username
	}
	return o, true
}
