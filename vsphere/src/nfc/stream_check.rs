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
//! grains that it is about, where they came; and the directory at the end must name exactly the tables, each
//! under the part of the disk its grains claim. A table says the lower part of an address, the directory the
//! upper: so any wrong address is found even if the sender hashed it.
//!
//! Fed with chunks of any size; holds one marker, table or directory, and remembers eight bytes of each grain
//! until its table has come and eight of each table: 256 KiB for a full disk of 1 TiB. Grains are unpacked only
//! if the disk's content is asked for ([`super::content`]); then one is held.

use std::collections::VecDeque;

use super::content::DiskContent;

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
/// How many grains may wait for their tables, should a writer put its tables behind all grains: 256 GiB of
/// data in grains of 64 KiB.
const MAX_UNNAMED: usize = 4 << 20;
/// The largest directory accepted, in sectors (4 MiB): a disk of 32 TiB has one of half that.
const MAX_DIRECTORY_SECTORS: u64 = 8_192;

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
    /// The grains that no table has named yet, by table, in the order they came.
    unnamed: VecDeque<Group>,
    /// How many grains those are.
    unnamed_grains: usize,
    /// Number and sector of each table that has come, ascending; the number is absent for a table that names
    /// no grain.
    tables: Vec<(Option<u32>, u32)>,
    directory_seen: bool,
    /// What the grains hold, if that is asked for.
    content: Option<DiskContent>,
}

/// The grains of one table.
#[derive(Debug)]
struct Group {
    /// Number of the table, from 0.
    table: u32,
    /// Each grain's index within the table, and its sector in the stream.
    grains: Vec<(u32, u32)>,
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
    /// Unpacks the rest of a grain, then skips its padding.
    Data {
        rest: u64,
        padding: u64,
    },
    Marker,
    /// Collects a grain table of this many bytes.
    Table(usize),
    /// Collects the grain directory, of this many bytes.
    Directory(usize),
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
            unnamed: VecDeque::new(),
            unnamed_grains: 0,
            tables: Vec::new(),
            directory_seen: false,
            content: None,
        }
    }

    /// One that also unpacks the grains, for [`StreamChecker::content_sha256`].
    pub fn unpacking(capacity_bytes: u64) -> Self {
        Self { content: Some(DiskContent::new()), ..Self::new(capacity_bytes) }
    }

    /// The checksum of what the disk holds, however its stream is packed; of a stream that has come whole. `None` if
    /// the grains are not unpacked.
    pub fn content_sha256(&self) -> Option<[u8; 32]> {
        self.content.as_ref().map(DiskContent::sha256)
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
                State::Directory(length) => self.collect(bytes, length, Self::directory)?,
                State::Skip(rest) => {
                    let used = usize::try_from(rest).unwrap_or(usize::MAX).min(bytes.len());
                    let rest = rest - used as u64;
                    self.state = if rest == 0 { State::Marker } else { State::Skip(rest) };
                    used
                }
                State::Data { rest, padding } => {
                    let used = usize::try_from(rest).unwrap_or(usize::MAX).min(bytes.len());
                    let rest = rest - used as u64;
                    let content = self.content.as_mut();
                    let unpacked = content.map_or(Ok(()), |content| {
                        content.feed(&bytes[..used])?;
                        if rest == 0 { content.end() } else { Ok(()) }
                    });
                    unpacked.map_err(|what| self.damage(self.offset, format!("a grain {what}")))?;
                    self.state = match (rest, padding) {
                        (0, 0) => State::Marker,
                        (0, padding) => State::Skip(padding),
                        (rest, padding) => State::Data { rest, padding },
                    };
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
        let geometry =
            Geometry { capacity_sectors: capacity, grain_sectors: grain, table_entries: entries.into() };
        if geometry.tables() * 4 > MAX_DIRECTORY_SECTORS * SECTOR {
            return Err(self.damage(start, "the disk has more grain tables than are possible"));
        }
        self.geometry = Some(geometry);
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
            if let Some(content) = &mut self.content {
                // No zlib stream is as short as those 4 bytes: there is always a rest.
                let rest = size.saturating_sub(4);
                content.begin(
                    value * SECTOR,
                    usize::try_from(geometry.grain_sectors * SECTOR).unwrap_or_default(),
                );
                if rest == 0 || content.feed(&marker[12..]).is_err() {
                    return Err(self.damage(start, "a grain cannot be unpacked"));
                }
                self.state = State::Data { rest, padding: padded - 16 - rest };
            }
            return Ok(());
        }
        let rest_of_sector = SECTOR - 16;
        let length = |sectors: u64| usize::try_from(rest_of_sector + sectors * SECTOR).unwrap_or_default();
        match kind {
            TYPE_END => {
                if !self.unnamed.is_empty() {
                    return Err(self.damage(start, "the stream ends before the table of its last grains"));
                }
                if !self.directory_seen && !self.tables.is_empty() {
                    return Err(self.damage(start, "the stream ends before its grain directory"));
                }
                self.state = State::Ended;
                Ok(())
            }
            TYPE_TABLE => {
                if value != (geometry.table_entries * 4).div_ceil(SECTOR) {
                    return Err(
                        self.damage(start, format!("a grain table of {value} sectors is out of range"))
                    );
                }
                self.state = State::Table(length(value));
                Ok(())
            }
            TYPE_DIRECTORY => {
                if value < (geometry.tables() * 4).div_ceil(SECTOR) || value > MAX_DIRECTORY_SECTORS {
                    return Err(self.damage(start, format!("a directory of {value} sectors is out of range")));
                }
                self.state = State::Directory(length(value));
                Ok(())
            }
            TYPE_FOOTER => {
                if value == 0 || value > MAX_OVERHEAD_SECTORS {
                    return Err(self.damage(start, format!("a footer of {value} sectors is out of range")));
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
        if self.unnamed_grains >= MAX_UNNAMED {
            return Err(self.damage(start, format!("{MAX_UNNAMED} grains came without a grain table")));
        }
        let Ok(sector) = u32::try_from(start / SECTOR) else {
            return Err(self.damage(start, "a grain lies beyond the 2 TiB that a grain table can name"));
        };
        let index = lba / geometry.grain_sectors;
        let (table, within) =
            (narrow(index / geometry.table_entries), narrow(index % geometry.table_entries));
        match self.unnamed.back_mut() {
            Some(group) if group.table == table => group.grains.push((within, sector)),
            _ => self.unnamed.push_back(Group { table, grains: vec![(within, sector)] }),
        }
        self.unnamed_grains += 1;
        self.next_lba = lba + geometry.grain_sectors;
        self.position_bytes = (self.next_lba * SECTOR).min(self.capacity_bytes);
        Ok(())
    }

    /// `part` is the rest of the marker's sector and the table behind it.
    fn table(&mut self, part: &[u8], start: u64) -> Result<(), StreamDamage> {
        let rest_of_sector = SECTOR - 16;
        // 0 is a grain that is not there, 1 one that is all zeros.
        let mut named = entries(part).filter(|(_, at)| *at > 1).peekable();
        let at_sector = narrow((start + rest_of_sector) / SECTOR);
        self.state = State::Marker;
        if named.peek().is_none() {
            self.tables.push((None, at_sector));
            return Ok(());
        }
        let group = self.unnamed.pop_front();
        for (within, at) in group.iter().flat_map(|group| &group.grains) {
            if named.next() != Some((*within, *at)) {
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
        if let Some(group) = group {
            self.unnamed_grains -= group.grains.len();
            self.tables.push((Some(group.table), at_sector));
        }
        Ok(())
    }

    /// `part` is the rest of the marker's sector and the directory behind it.
    fn directory(&mut self, part: &[u8], start: u64) -> Result<(), StreamDamage> {
        let mut tables = self.tables.iter().filter(|(number, _)| number.is_some()).peekable();
        for (number, at) in entries(part).filter(|(_, at)| *at != 0) {
            if tables.next_if(|table| **table == (Some(number), at)).is_some() {
                continue;
            }
            // A table without grains may be named, under whatever part of the disk.
            if self.tables.binary_search_by_key(&at, |(_, sector)| *sector).map(|n| self.tables[n].0)
                != Ok(None)
            {
                let what = format!(
                    "the directory names table {number} at sector {at}, where the table of other grains is, or none"
                );
                return Err(self.damage(start, what));
            }
        }
        if let Some((number, at)) = tables.next() {
            let number = number.unwrap_or_default();
            let what = format!("the directory does not name table {number} at sector {at}");
            return Err(self.damage(start, what));
        }
        self.directory_seen = true;
        self.state = State::Marker;
        Ok(())
    }

    #[allow(clippy::unused_self, reason = "reads as part of the checker")]
    fn damage(&self, offset: u64, what: impl Into<String>) -> StreamDamage {
        StreamDamage { offset, what: what.into() }
    }
}

impl Geometry {
    /// How many tables the disk has, those without grains counted.
    fn tables(self) -> u64 {
        self.capacity_sectors.div_ceil(self.grain_sectors * self.table_entries)
    }
}

/// The numbered entries behind the rest of a marker's sector.
fn entries(part: &[u8]) -> impl Iterator<Item = (u32, u32)> + '_ {
    let from = part.len().min(512 - 16);
    (0..).zip(part[from..].chunks_exact(4).map(|entry| le_u32(entry, 0)))
}

/// Numbers that the header's limits keep within 32 bits; anything larger matches nothing.
fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
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
#[path = "stream_check_tests.rs"]
mod tests;
