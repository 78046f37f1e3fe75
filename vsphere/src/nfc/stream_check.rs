//! Checking a streamOptimized VMDK while it passes.
//!
//! ```text
//! header │ descriptor, padding │ grain … grain, table │ grain … table │ directory │ footer │ end
//! 512 B  │ up to overHead      │ each in whole sectors, behind a marker:
//!                                grain     lba u64, size u32 > 0, deflated data
//!                                metadata  sectors u64, 0 u32, type u32, in a sector of its own
//! ```
//!
//! (Virtual Disk Format 5.0, "Stream-Optimized Compressed Sparse Extents".) Every grain's address must be
//! within the disk, on a grain's boundary and higher than the one before; a grain table must name exactly the
//! grains that came before it, where they came. So a wrong address is found even if the sender hashed it.
//! Fed with chunks of any size; holds one marker, or one grain table, never a grain.

/// Damage: where in the stream, and what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {offset} of the stream: {what}")]
pub struct StreamDamage {
    /// Offset of the marker or header that is wrong, in bytes.
    pub offset: u64,
    /// What is wrong with it.
    pub what: String,
}

const SECTOR: u64 = 512;
const MAGIC: [u8; 4] = *b"KDMV";
/// The largest grain accepted, in sectors (1 MiB); hosts use 128.
const MAX_GRAIN_SECTORS: u64 = 2048;
/// The largest head accepted, in sectors (64 MiB).
const MAX_OVERHEAD_SECTORS: u64 = 131_072;
/// The largest grain table accepted, in entries; hosts use 512.
const MAX_TABLE_ENTRIES: u32 = 4_096;

const TYPE_END: u32 = 0;
const TYPE_TABLE: u32 = 1;
const TYPE_DIRECTORY: u32 = 2;
const TYPE_FOOTER: u32 = 3;

/// See the module.
#[derive(Debug)]
pub struct StreamChecker {
    capacity_bytes: u64,
    offset: u64,
    state: State,
    /// The bytes of what is being put together.
    part: Vec<u8>,
    geometry: Option<Geometry>,
    next_lba: u64,
    position_bytes: u64,
    /// Index and sector of the grains that no table has named yet.
    unnamed: Vec<(u64, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Geometry {
    capacity_sectors: u64,
    grain_sectors: u64,
    table_entries: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Header,
    /// Skips bytes, then expects a marker.
    Skip(u64),
    Marker,
    /// Collects a grain table of this many bytes.
    Table(usize),
    Ended,
}

impl StreamChecker {
    /// A checker of the stream of a disk of this size.
    pub fn new(capacity_bytes: u64) -> Self {
        Self {
            capacity_bytes,
            offset: 0,
            state: State::Header,
            part: Vec::new(),
            geometry: None,
            next_lba: 0,
            position_bytes: 0,
            unnamed: Vec::new(),
        }
    }

    /// The address behind the newest grain: the progress, out of the disk's size.
    pub fn position_bytes(&self) -> u64 {
        self.position_bytes
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), StreamDamage> {
        while !bytes.is_empty() {
            let used = match self.state {
                State::Header => self.collect(bytes, 512, Self::header)?,
                State::Marker => self.collect(bytes, 16, Self::marker)?,
                State::Table(length) => self.collect(bytes, length, Self::table)?,
                State::Skip(rest) => {
                    let used = usize::try_from(rest).unwrap_or(usize::MAX).min(bytes.len());
                    let rest = rest - used as u64;
                    self.state = if rest == 0 { State::Marker } else { State::Skip(rest) };
                    used
                }
                State::Ended => {
                    // The sector of the end marker, and padding some writers add.
                    if bytes.iter().any(|byte| *byte != 0) {
                        return Err(self.damage(self.offset, "data follows the end"));
                    }
                    bytes.len()
                }
            };
            self.offset += used as u64;
            bytes = &bytes[used..];
        }
        Ok(())
    }

    /// Says that no more bytes come.
    pub fn finish(&mut self) -> Result<(), StreamDamage> {
        if self.state != State::Ended {
            return Err(self.damage(self.offset, "the stream ends before its end marker"));
        }
        self.position_bytes = self.capacity_bytes;
        Ok(())
    }

    /// Collects `length` bytes, then hands them on; returns how many of `bytes` were used.
    fn collect(
        &mut self,
        bytes: &[u8],
        length: usize,
        then: fn(&mut Self, &[u8], u64) -> Result<(), StreamDamage>,
    ) -> Result<usize, StreamDamage> {
        let used = (length - self.part.len()).min(bytes.len());
        self.part.extend_from_slice(&bytes[..used]);
        if self.part.len() == length {
            let part = std::mem::take(&mut self.part);
            let start = self.offset + used as u64 - length as u64;
            then(self, &part, start)?;
            self.part = part;
            self.part.clear();
        }
        Ok(used)
    }

    fn header(&mut self, header: &[u8], start: u64) -> Result<(), StreamDamage> {
        let (u32_at, u64_at) = (|at| le_u32(header, at), |at| le_u64(header, at));
        if header[..4] != MAGIC {
            return Err(self.damage(start, "it is not a VMDK"));
        }
        // Flags: bit 16 grains are compressed, bit 17 there are markers.
        if u32_at(8) & 0x3_0000 != 0x3_0000 || le_u16(header, 77) != 1 {
            return Err(self.damage(start, "the VMDK is not stream-optimized"));
        }
        let (capacity, grain, overhead, entries) = (u64_at(12), u64_at(20), u64_at(64), u32_at(44));
        if capacity.checked_mul(SECTOR) != Some(self.capacity_bytes) {
            let what =
                format!("the VMDK is of {capacity} sectors, the disk of {} bytes", self.capacity_bytes);
            return Err(self.damage(start, what));
        }
        if !(8..=MAX_GRAIN_SECTORS).contains(&grain) || !grain.is_power_of_two() {
            return Err(self.damage(start, format!("grains of {grain} sectors are out of range")));
        }
        if overhead == 0 || overhead > MAX_OVERHEAD_SECTORS || entries == 0 || entries > MAX_TABLE_ENTRIES {
            return Err(self.damage(start, "the header's sizes are out of range"));
        }
        self.geometry = Some(Geometry {
            capacity_sectors: capacity,
            grain_sectors: grain,
            table_entries: entries.into(),
        });
        let rest = (overhead - 1) * SECTOR;
        self.state = if rest == 0 { State::Marker } else { State::Skip(rest) };
        Ok(())
    }

    fn marker(&mut self, marker: &[u8], start: u64) -> Result<(), StreamDamage> {
        let Some(geometry) = self.geometry else { return Err(self.damage(start, "there is no header")) };
        let (value, size, kind) = (le_u64(marker, 0), u64::from(le_u32(marker, 8)), le_u32(marker, 12));
        if size > 0 {
            self.grain(geometry, value, size, start)?;
            // The marker has 12 bytes; 4 of the data were collected with it.
            let padded = (12 + size).div_ceil(SECTOR) * SECTOR;
            self.state = State::Skip(padded - 16);
            return Ok(());
        }
        let rest_of_sector = SECTOR - 16;
        match kind {
            TYPE_END => {
                if let Some((index, _)) = self.unnamed.first() {
                    // Writers that name no grain at all put their tables elsewhere.
                    tracing::debug!(index, "grains without a table");
                }
                self.state = State::Ended;
                Ok(())
            }
            TYPE_TABLE => {
                let bytes = geometry.table_entries * 4;
                if value * SECTOR != bytes.div_ceil(SECTOR) * SECTOR {
                    return Err(
                        self.damage(start, format!("a grain table of {value} sectors is out of range"))
                    );
                }
                self.state =
                    State::Table(usize::try_from(rest_of_sector + value * SECTOR).unwrap_or_default());
                Ok(())
            }
            TYPE_DIRECTORY | TYPE_FOOTER => {
                let most = geometry.capacity_sectors / geometry.grain_sectors / 8 + 256;
                if value == 0 || value > most {
                    return Err(self.damage(start, format!("metadata of {value} sectors is out of range")));
                }
                self.state = State::Skip(rest_of_sector + value * SECTOR);
                Ok(())
            }
            other => Err(self.damage(start, format!("a marker of type {other} is unknown"))),
        }
    }

    fn grain(&mut self, geometry: Geometry, lba: u64, size: u64, start: u64) -> Result<(), StreamDamage> {
        let grain_bytes = geometry.grain_sectors * SECTOR;
        if !lba.is_multiple_of(geometry.grain_sectors) || lba >= geometry.capacity_sectors {
            return Err(
                self.damage(start, format!("a grain's address, sector {lba}, is not one of the disk's"))
            );
        }
        if lba < self.next_lba {
            let what = format!("a grain's address, sector {lba}, does not follow the one before it");
            return Err(self.damage(start, what));
        }
        // Deflate adds a few bytes per 16 KiB to what cannot be compressed, and zlib six.
        if size > grain_bytes + grain_bytes / 64 + 64 {
            return Err(self.damage(start, format!("a grain of {size} bytes is too large")));
        }
        let index = lba / geometry.grain_sectors;
        let table = index / geometry.table_entries;
        if self.unnamed.last().is_some_and(|(last, _)| last / geometry.table_entries != table) {
            // This writer puts its tables elsewhere; the hosts that export do not.
            self.unnamed.clear();
        }
        self.unnamed.push((index, start / SECTOR));
        self.next_lba = lba + geometry.grain_sectors;
        self.position_bytes = (self.next_lba * SECTOR).min(self.capacity_bytes);
        Ok(())
    }

    /// `sector` is the rest of the marker's sector and the table behind it.
    fn table(&mut self, sector: &[u8], start: u64) -> Result<(), StreamDamage> {
        let Some(geometry) = self.geometry else { return Err(self.damage(start, "there is no header")) };
        let entries = &sector[usize::try_from(SECTOR - 16).unwrap_or_default()..];
        let named =
            entries.chunks_exact(4).enumerate().map(|(n, entry)| (n as u64, u64::from(le_u32(entry, 0))));
        // 0 is a grain that is not there, 1 one that is all zeros.
        let mut named = named.filter(|(_, at)| *at > 1);
        for (index, at) in std::mem::take(&mut self.unnamed) {
            if named.next() != Some((index % geometry.table_entries, at)) {
                let what =
                    format!("the grain table does not name the grain at sector {at} under its address");
                return Err(self.damage(start, what));
            }
        }
        if let Some((entry, at)) = named.next() {
            return Err(self.damage(
                start,
                format!("the grain table names grain {entry} at sector {at}, which is not there"),
            ));
        }
        self.state = State::Marker;
        Ok(())
    }

    #[allow(clippy::unused_self, reason = "reads as part of the checker")]
    fn damage(&self, offset: u64, what: impl Into<String>) -> StreamDamage {
        StreamDamage { offset, what: what.into() }
    }
}

fn le_u16(bytes: &[u8], at: usize) -> u16 {
    u16::from(bytes[at]) | u16::from(bytes[at + 1]) << 8
}

fn le_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from(le_u16(bytes, at)) | u32::from(le_u16(bytes, at + 2)) << 16
}

fn le_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from(le_u32(bytes, at)) | u64::from(le_u32(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "tests")]
    use super::*;

    const CAPACITY: u64 = 64 << 20;

    /// A stream with these grains (index, compressed length), tables where hosts put them.
    fn stream(grains: &[(u64, u32)]) -> Vec<u8> {
        let mut out = vec![0; 512];
        out[..4].copy_from_slice(&MAGIC);
        out[8..12].copy_from_slice(&0x3_0001_u32.to_le_bytes());
        out[12..20].copy_from_slice(&(CAPACITY / 512).to_le_bytes());
        out[20..28].copy_from_slice(&128_u64.to_le_bytes());
        out[44..48].copy_from_slice(&512_u32.to_le_bytes());
        out[64..72].copy_from_slice(&2_u64.to_le_bytes());
        out[77] = 1;
        out.resize(1024, b'#');
        let mut table: Option<(u64, Vec<u32>)> = None;
        for (index, size) in grains {
            if table.as_ref().is_some_and(|(t, _)| *t != index / 512) {
                put_table(&mut out, &table.take().unwrap().1);
            }
            let (_, entries) = table.get_or_insert_with(|| (index / 512, vec![0; 512]));
            entries[(index % 512) as usize] = (out.len() / 512) as u32;
            out.extend((index * 128).to_le_bytes());
            out.extend(size.to_le_bytes());
            out.extend(std::iter::repeat_n(0xAB, *size as usize));
            out.resize(out.len().div_ceil(512) * 512, 0);
        }
        if let Some((_, entries)) = table {
            put_table(&mut out, &entries);
        }
        put_marker(&mut out, 1, TYPE_DIRECTORY);
        out.resize(out.len() + 512, 7);
        put_marker(&mut out, 1, TYPE_FOOTER);
        out.resize(out.len() + 512, 9);
        put_marker(&mut out, 0, TYPE_END);
        out
    }

    fn put_marker(out: &mut Vec<u8>, value: u64, kind: u32) {
        out.extend(value.to_le_bytes());
        out.extend(0_u32.to_le_bytes());
        out.extend(kind.to_le_bytes());
        out.resize(out.len() + 496, 0);
    }

    fn put_table(out: &mut Vec<u8>, entries: &[u32]) {
        put_marker(out, 4, TYPE_TABLE);
        out.extend(entries.iter().flat_map(|entry| entry.to_le_bytes()));
    }

    fn check(stream: &[u8], chunk: usize) -> Result<u64, StreamDamage> {
        let mut checker = StreamChecker::new(CAPACITY);
        for bytes in stream.chunks(chunk) {
            checker.feed(bytes)?;
        }
        checker.finish()?;
        Ok(checker.position_bytes())
    }

    const GRAINS: &[(u64, u32)] = &[(0, 500), (1, 501), (3, 65_536), (511, 4), (600, 1), (1023, 1000)];

    #[test]
    fn a_good_stream_passes_in_chunks_of_any_size() {
        let good = stream(GRAINS);
        for chunk in [1, 7, 511, 512, 513, 4096, good.len()] {
            assert_eq!(check(&good, chunk).unwrap(), CAPACITY, "chunks of {chunk}");
        }
        assert!(check(&stream(&[]), 100).is_ok(), "an empty disk");
    }

    #[test]
    fn progress_is_the_newest_grains_address() {
        let good = stream(GRAINS);
        let mut checker = StreamChecker::new(CAPACITY);
        checker.feed(&good[..1024 + 512]).unwrap();
        assert_eq!(checker.position_bytes(), 64 << 10);
    }

    #[test]
    fn every_flipped_bit_of_an_address_is_found() {
        let good = stream(GRAINS);
        // The first four grains share a table, so each wrong address contradicts it or the order.
        for start in [1024, 1024 + 512, 1024 + 512 + 1024] {
            for bit in 0..64 {
                let mut bad = good.clone();
                bad[start + bit / 8] ^= 1 << (bit % 8);
                assert!(check(&bad, 1000).is_err(), "bit {bit} of the address at {start}");
            }
        }
    }

    #[test]
    fn a_stream_that_ends_early_or_goes_on_is_found() {
        let good = stream(GRAINS);
        for length in [0, 100, 512, 1024, 2000, good.len() - 512] {
            assert!(check(&good[..length], 300).is_err(), "{length} bytes");
        }
        let mut long = good.clone();
        long.push(1);
        assert!(check(&long, 300).is_err());
    }

    #[test]
    fn a_disk_of_another_size_is_found() {
        let mut checker = StreamChecker::new(CAPACITY + 512);
        assert!(checker.feed(&stream(GRAINS)).unwrap_err().what.contains("sectors"));
    }

    #[test]
    fn garbage_is_an_error_and_never_a_panic() {
        let good = stream(GRAINS);
        let mut random = 0x1234_5678_u64;
        for _ in 0..2_000 {
            let mut bad = good.clone();
            for _ in 0..4 {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (random >> 33) as usize % bad.len().min(2048);
                bad[at] = (random >> 24) as u8;
            }
            let _ = check(&bad, 777);
        }
    }
}
