package guest

import (
	"bytes"
	"debug/elf"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed files/initrd-init
var initrdInit []byte

//go:embed files/init
var rootInit []byte

//go:embed files/syslinux.cfg
var syslinuxConfig []byte

// Sizes of the image's parts, in MiB. The image is
//
//	0      MBR with syslinux's boot code
//	1 MiB  FAT: boot loader, kernel, initial RAM disk
//	       ext4: the root file system
const (
	fatMiB  = 40
	rootMiB = 24
)

// wanted are the kernel modules a guest needs. What is built in is left out.
var wanted = []string{"vmw_pvscsi", "sd_mod", "ext4", "virtio_pci", "virtio_console", "vmxnet3"}

// BuildImage makes a bootable disk from Debian packages. It needs no root and
// mounts nothing. Downloads are kept beside the image.
func BuildImage(out string) error {
	for _, tool := range []string{"apt-get", "dpkg-deb", "syslinux", "mkfs.fat", "mcopy", "mke2fs", "sfdisk", "cpio", "gzip"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is missing; install syslinux, syslinux-common, mtools, dosfstools, e2fsprogs, fdisk and cpio", tool)
		}
	}
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	cache := filepath.Join(filepath.Dir(out), "guest-cache")
	tree, err := kernel(cache)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(out), "guest-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	b := &build{work: work, tree: tree}
	for _, step := range []func() error{b.initrd, b.fat, b.root, b.join} {
		if err := step(); err != nil {
			return err
		}
	}
	return os.Rename(filepath.Join(work, "disk.raw"), out)
}

type build struct{ work, tree string }

// run runs a tool in a directory.
func run(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(output))
	}
	return nil
}

// kernel downloads and unpacks Debian's kernel for virtual machines.
func kernel(cache string) (string, error) {
	tree := filepath.Join(cache, "kernel")
	if found, _ := filepath.Glob(filepath.Join(tree, "boot", "vmlinuz-*")); len(found) == 1 {
		return tree, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	name, err := kernelPackage()
	if err != nil {
		if err := run(cache, "apt-get", "update", "-qq"); err != nil {
			return "", err
		}
		if name, err = kernelPackage(); err != nil {
			return "", err
		}
	}
	if err := run(cache, "apt-get", "download", "-qq", name); err != nil {
		return "", err
	}
	debs, err := filepath.Glob(filepath.Join(cache, "linux-image-*.deb"))
	if err != nil || len(debs) == 0 {
		return "", fmt.Errorf("the package %s was not downloaded", name)
	}
	if err := os.RemoveAll(tree); err != nil {
		return "", err
	}
	return tree, run(cache, "dpkg-deb", "-x", debs[len(debs)-1], tree)
}

// kernelPackage is the package that linux-image-cloud-amd64 stands for.
func kernelPackage() (string, error) {
	output, err := exec.Command("apt-cache", "depends", "linux-image-cloud-amd64").Output()
	if err != nil {
		return "", fmt.Errorf("apt-cache: %w", err)
	}
	for _, line := range strings.Split(string(output), "\n") {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: linux-image-"); ok {
			return "linux-image-" + name, nil
		}
	}
	return "", errors.New("apt knows no package linux-image-cloud-amd64; run apt-get update")
}

// initrd packs busybox and the modules.
func (b *build) initrd() error {
	dir := filepath.Join(b.work, "initrd")
	for _, sub := range []string{"bin", "dev", "proc", "sys", "root", "modules"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	if err := copyFile("/bin/busybox", filepath.Join(dir, "bin", "busybox"), 0o755); err != nil {
		return fmt.Errorf("%w (install busybox-static)", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "init"), initrdInit, 0o755); err != nil {
		return err
	}
	order, err := b.modules(filepath.Join(dir, "modules"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "modules", "order"), []byte(strings.Join(order, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	return run(dir, "sh", "-c", "find . | cpio --quiet -o -H newc | gzip -9 > ../initrd.gz")
}

// modules copies the wanted modules and what they need, and returns the order
// in which they must be loaded.
func (b *build) modules(into string) ([]string, error) {
	files := make(map[string]string)
	err := filepath.WalkDir(filepath.Join(b.tree, "lib", "modules"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".ko") {
			name := strings.TrimSuffix(filepath.Base(path), ".ko")
			files[strings.ReplaceAll(name, "-", "_")] = path
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var order []string
	done := make(map[string]bool)
	var load func(name string) error
	load = func(name string) error {
		name = strings.ReplaceAll(name, "-", "_")
		path := files[name]
		if done[name] || path == "" { // built in
			return nil
		}
		done[name] = true
		needs, err := depends(path)
		if err != nil {
			return err
		}
		for _, need := range needs {
			if err := load(need); err != nil {
				return err
			}
		}
		order = append(order, filepath.Base(path))
		return copyFile(path, filepath.Join(into, filepath.Base(path)), 0o644)
	}
	for _, name := range wanted {
		if err := load(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// depends reads from a module which others it needs.
func depends(path string) ([]string, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	section := file.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("%s is no kernel module", path)
	}
	data, err := section.Data()
	if err != nil {
		return nil, err
	}
	for _, entry := range bytes.Split(data, []byte{0}) {
		if list, ok := bytes.CutPrefix(entry, []byte("depends=")); ok && len(list) > 0 {
			return strings.Split(string(list), ","), nil
		}
	}
	return nil, nil
}

// fat makes the boot partition.
func (b *build) fat() error {
	if err := os.WriteFile(filepath.Join(b.work, "syslinux.cfg"), syslinuxConfig, 0o644); err != nil {
		return err
	}
	kernels, err := filepath.Glob(filepath.Join(b.tree, "boot", "vmlinuz-*"))
	if err != nil || len(kernels) != 1 {
		return fmt.Errorf("there are %d kernels in %s", len(kernels), b.tree)
	}
	size := fmt.Sprintf("%dM", fatMiB)
	for _, step := range [][]string{
		{"truncate", "-s", size, "fat.img"},
		{"mkfs.fat", "-F", "16", "-n", "BOOT", "fat.img"},
		{"mcopy", "-i", "fat.img", kernels[0], "::/vmlinuz"},
		{"mcopy", "-i", "fat.img", "initrd.gz", "::/initrd.gz"},
		{"mcopy", "-i", "fat.img", "syslinux.cfg", "::/syslinux.cfg"},
		{"syslinux", "--install", "fat.img"},
	} {
		if err := run(b.work, step[0], step[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// root makes the root file system.
func (b *build) root() error {
	dir := filepath.Join(b.work, "root")
	for _, sub := range []string{"bin", "sbin", "dev", "proc", "sys", "tmp", "etc", "root"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	if err := copyFile("/bin/busybox", filepath.Join(dir, "bin", "busybox"), 0o755); err != nil {
		return err
	}
	applets, err := exec.Command("/bin/busybox", "--list").Output()
	if err != nil {
		return err
	}
	for _, applet := range strings.Fields(string(applets)) {
		if applet == "busybox" || applet == "init" {
			continue
		}
		if err := os.Symlink("busybox", filepath.Join(dir, "bin", applet)); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "sbin", "init"), rootInit, 0o755); err != nil {
		return err
	}
	return run(b.work, "mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", dir, "root.img", fmt.Sprintf("%dM", rootMiB))
}

// join puts the parts together.
func (b *build) join() error {
	total := 1 + fatMiB + rootMiB + 1
	table := fmt.Sprintf("label: dos\nstart=2048, size=%d, type=e, bootable\nstart=%d, size=%d, type=83\n",
		fatMiB*2048, (1+fatMiB)*2048, rootMiB*2048)
	if err := os.WriteFile(filepath.Join(b.work, "table"), []byte(table), 0o644); err != nil {
		return err
	}
	return run(b.work, "sh", "-ec", fmt.Sprintf(`
		truncate -s %dM disk.raw
		sfdisk -q disk.raw < table
		dd if=/usr/lib/syslinux/mbr/mbr.bin of=disk.raw bs=440 count=1 conv=notrunc status=none
		dd if=fat.img of=disk.raw bs=1M seek=1 conv=notrunc,sparse status=none
		dd if=root.img of=disk.raw bs=1M seek=%d conv=notrunc,sparse status=none`, total, 1+fatMiB))
}

func copyFile(from, to string, mode fs.FileMode) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, mode)
}
