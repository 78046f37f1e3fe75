//! Streams that are well, and streams that are not.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "tests")]
use super::*;

const CAPACITY: u64 = 4 << 30;

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
    let mut directory = vec![0_u32; 128];
    for (index, size) in grains {
        if table.as_ref().is_some_and(|(t, _)| *t != index / 512) {
            let (number, entries) = table.take().unwrap();
            directory[number as usize] = put_table(&mut out, &entries);
        }
        let (_, entries) = table.get_or_insert_with(|| (index / 512, vec![0; 512]));
        entries[(index % 512) as usize] = (out.len() / 512) as u32;
        out.extend((index * 128).to_le_bytes());
        out.extend(size.to_le_bytes());
        out.extend(std::iter::repeat_n(0xAB, *size as usize));
        out.resize(out.len().div_ceil(512) * 512, 0);
    }
    if let Some((number, entries)) = table {
        directory[number as usize] = put_table(&mut out, &entries);
    }
    put_marker(&mut out, 1, TYPE_DIRECTORY);
    out.extend(directory.iter().flat_map(|sector| sector.to_le_bytes()));
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

/// Returns the table's sector.
fn put_table(out: &mut Vec<u8>, entries: &[u32]) -> u32 {
    put_marker(out, 4, TYPE_TABLE);
    let sector = (out.len() / 512) as u32;
    out.extend(entries.iter().flat_map(|entry| entry.to_le_bytes()));
    sector
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

/// Where each grain's marker is.
fn markers(grains: &[(u64, u32)]) -> Vec<usize> {
    let mut at = 1024;
    let mut table = None;
    let mut found = Vec::new();
    for (index, size) in grains {
        if table.is_some_and(|before| before != index / 512) {
            at += 512 + 2048;
        }
        table = Some(index / 512);
        found.push(at);
        at += (12 + *size as usize).div_ceil(512) * 512;
    }
    found
}

#[test]
fn every_flipped_bit_of_every_address_is_found() {
    // A sparse disk: tables of one grain, of several, and parts of the disk without any.
    let sparse =
        [(0, 500), (3, 501), (511, 4), (600, 1), (2_048, 9), (2_049, 9), (20_000, 1_000), (60_000, 5)];
    let good = stream(&sparse);
    assert!(check(&good, 1000).is_ok());
    for start in markers(&sparse) {
        for bit in 0..64 {
            let mut bad = good.clone();
            bad[start + bit / 8] ^= 1 << (bit % 8);
            assert!(check(&bad, 1000).is_err(), "bit {bit} of the address at {start}");
        }
    }
}

#[test]
fn tables_behind_all_grains_are_checked_as_well() {
    let mut out = stream(&[])[..1024].to_vec();
    let mut tables = Vec::new();
    for index in [5_u64, 512 + 7] {
        let mut entries = vec![0; 512];
        entries[(index % 512) as usize] = (out.len() / 512) as u32;
        tables.push(entries);
        out.extend((index * 128).to_le_bytes());
        out.extend(3_u32.to_le_bytes());
        out.resize(out.len().div_ceil(512) * 512, 1);
    }
    let mut directory: Vec<u32> = tables.iter().map(|entries| put_table(&mut out, entries)).collect();
    directory.resize(128, 0);
    put_marker(&mut out, 1, TYPE_DIRECTORY);
    out.extend(directory.iter().flat_map(|sector| sector.to_le_bytes()));
    put_marker(&mut out, 0, TYPE_END);
    assert!(check(&out, 1000).is_ok());
    out[1024 + 2] ^= 2;
    assert!(check(&out, 1000).is_err(), "the first grain belongs to another table by its address");
}

#[test]
fn a_stream_without_its_last_table_or_its_directory_is_found() {
    let good = stream(GRAINS);
    let sectors = good.len() / 512;
    // Behind the last grain: table 1 + 4, directory 1 + 1, footer 1 + 1, end 1.
    for (from, to) in [(sectors - 10, sectors - 5), (sectors - 5, sectors - 3)] {
        let mut bad = good.clone();
        bad.drain(from * 512..to * 512);
        assert!(check(&bad, 300).is_err(), "sectors {from} to {to}");
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
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (random >> 33) as usize % bad.len().min(2048);
            bad[at] = (random >> 24) as u8;
        }
        let _ = check(&bad, 777);
    }
}
