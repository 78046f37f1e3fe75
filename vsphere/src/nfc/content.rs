//! The checksum of what a disk holds, whichever host wrote its stream.
//!
//! Two hosts may compress the same disk differently, choose grains of other sizes, or leave out zeros that the other
//! sends. So the checksum goes over what is behind all that: SHA-256 over each block of 4 KiB that is not all zeros, in
//! ascending order, each behind its address in bytes (u64, little endian). A disk whose size is no multiple of 4 KiB is
//! continued with zeros.

use aws_lc_rs::digest::{Context, SHA256};
use flate2::{Decompress, FlushDecompress, Status};

/// The block that counts as a whole, in bytes. No grain is smaller.
const BLOCK: usize = 4_096;

/// See the module. Holds one grain.
pub struct DiskContent {
    inflate: Decompress,
    hash: Context,
    /// The grain, of which this much has been unpacked, and room for one byte too many: without any room the end of the
    /// data is not looked for.
    grain: Vec<u8>,
    unpacked: usize,
    /// The grain's address in bytes.
    address: u64,
    ended: bool,
}

impl std::fmt::Debug for DiskContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiskContent").field("address", &self.address).finish_non_exhaustive()
    }
}

impl DiskContent {
    /// Of a disk of which nothing has been read yet.
    pub fn new() -> Self {
        Self {
            inflate: Decompress::new(true),
            hash: Context::new(&SHA256),
            grain: Vec::new(),
            unpacked: 0,
            address: 0,
            ended: false,
        }
    }

    /// A grain begins; it holds this many bytes at most. Grains come in ascending order, each on a boundary of
    /// its size.
    pub fn begin(&mut self, address: u64, grain_bytes: usize) {
        self.inflate.reset(true);
        self.grain.resize(grain_bytes + 1, 0);
        self.unpacked = 0;
        self.address = address;
        self.ended = false;
    }

    /// Takes the next bytes of the grain, deflated (RFC 1950). The error is a phrase about the grain.
    pub fn feed(&mut self, mut packed: &[u8]) -> Result<(), &'static str> {
        while !packed.is_empty() {
            if self.ended {
                return Err("goes on behind its end");
            }
            let (taken, given) = (self.inflate.total_in(), self.inflate.total_out());
            let room = self.grain.get_mut(self.unpacked..).unwrap_or_default();
            let status = self.inflate.decompress(packed, room, FlushDecompress::None);
            let used = self.inflate.total_in() - taken;
            let came = self.inflate.total_out() - given;
            self.unpacked += usize::try_from(came).unwrap_or(usize::MAX);
            packed = packed.get(usize::try_from(used).unwrap_or(usize::MAX)..).unwrap_or_default();
            match status {
                Ok(_) if self.unpacked >= self.grain.len() => return Err("is longer than a grain can be"),
                Ok(Status::StreamEnd) => self.ended = true,
                Ok(_) if used > 0 || came > 0 => {}
                _ => return Err("cannot be unpacked"),
            }
        }
        Ok(())
    }

    /// The grain is whole. The error is a phrase about it.
    pub fn end(&mut self) -> Result<(), &'static str> {
        if !self.ended {
            return Err("ends before its data do");
        }
        let mut address = self.address;
        for block in self.grain.get(..self.unpacked).unwrap_or_default().chunks(BLOCK) {
            if block.iter().any(|byte| *byte != 0) {
                self.hash.update(&address.to_le_bytes());
                self.hash.update(block);
                self.hash.update(&[0; BLOCK][block.len()..]);
            }
            address += BLOCK as u64;
        }
        Ok(())
    }

    /// The checksum of all that came.
    pub fn sha256(&self) -> [u8; 32] {
        let mut sum = [0; 32];
        sum.copy_from_slice(self.hash.clone().finish().as_ref());
        sum
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    fn packed(data: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    /// A disk in grains of this size, fed in pieces.
    fn content(disk: &[u8], grain: usize, level: u32, zeros: bool, piece: usize) -> [u8; 32] {
        let mut content = DiskContent::new();
        for (at, data) in disk.chunks(grain).enumerate() {
            if !zeros && data.iter().all(|b| *b == 0) {
                continue;
            }
            content.begin((at * grain) as u64, grain);
            for piece in packed(data, level).chunks(piece) {
                content.feed(piece).unwrap();
            }
            content.end().unwrap();
        }
        content.sha256()
    }

    fn disk() -> Vec<u8> {
        let mut disk: Vec<u8> =
            (0..300_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        disk[65_536..135_168].fill(0);
        disk
    }

    /// What cannot be compressed fills the grain before its data end.
    #[test]
    fn a_grain_may_end_in_a_piece_of_its_own() {
        let mut seed = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 56) as u8
        })
        .take(196_608)
        .collect();
        let whole = content(&noise, 65_536, 1, false, usize::MAX);
        for piece in [1, 5, 4_096, 65_500] {
            assert_eq!(whole, content(&noise, 65_536, 1, false, piece), "{piece}");
        }
    }

    #[test]
    fn the_way_a_host_packs_a_disk_does_not_count() {
        let disk = disk();
        let one = content(&disk, 65_536, 6, false, 1_000_000);
        assert_eq!(one, content(&disk, 65_536, 1, true, 7));
        assert_eq!(one, content(&disk, 4_096, 0, false, 511));
        assert_eq!(one, content(&disk, 1 << 20, 9, true, 4_096));
    }

    #[test]
    fn each_bit_and_each_place_counts() {
        let disk = disk();
        let sum = |disk: &[u8]| content(disk, 65_536, 6, false, 4_096);
        let mut flipped = disk.clone();
        flipped[299_999] ^= 1;
        assert_ne!(sum(&disk), sum(&flipped));
        let mut moved = disk.clone();
        moved.copy_within(0..4_096, 69_632);
        moved[..4_096].fill(0);
        assert_ne!(sum(&disk), sum(&moved));
        let mut lost = disk.clone();
        lost[8_192..12_288].fill(0);
        assert_ne!(sum(&disk), sum(&lost));
    }

    #[test]
    fn a_grain_that_is_too_short_too_long_or_broken_is_told() {
        let whole = packed(&vec![7; 65_536], 6);
        let mut content = DiskContent::new();
        content.begin(0, 65_536);
        content.feed(&whole[..whole.len() - 1]).unwrap();
        assert_eq!(content.end(), Err("ends before its data do"));
        content.begin(0, 65_536);
        content.feed(&whole).unwrap();
        assert_eq!(content.feed(&[0]), Err("goes on behind its end"));
        content.begin(0, 32_768);
        assert_eq!(content.feed(&whole), Err("is longer than a grain can be"));
        content.begin(0, 65_536);
        assert_eq!(content.feed(&[0xAB; 64]), Err("cannot be unpacked"));
        let mut bad = whole.clone();
        let last = bad.len() - 1;
        bad[last] ^= 1;
        content.begin(0, 65_536);
        assert_eq!(content.feed(&bad), Err("cannot be unpacked"), "its own checksum is wrong");
    }
}
