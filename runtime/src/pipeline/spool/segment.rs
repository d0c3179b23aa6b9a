//! One file of the spool: a header and records, each with its length and checksum, appended with one write each.
//!
//! ```text
//! file   = "GALSPOOL" | version u32 | record*
//! record = payload length u32 | crc32 of the payload u32 | payload        (little endian)
//! ```
//!
//! A file may end in the middle of a record: that is what a crash leaves. Damage inside ends the reading of the file at that place,
//! except where only a payload is damaged, which is skipped.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

#[cfg(test)]
use crate::pipeline::failpoint;

const MAGIC: &[u8; 8] = b"GALSPOOL";
const VERSION: u32 = 1;
const FILE_HEADER: usize = 12;
const RECORD_HEADER: usize = 8;
/// A length beyond this is damage: records are bounded long before.
const MAX_PAYLOAD: usize = 64 << 20;

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    file: File,
    length: u64,
    pub(super) records: u64,
    frame: Vec<u8>,
}

impl Segment {
    /// Makes a new file; one that exists, or a link in its place, is an error.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        #[cfg(test)]
        failpoint::io("create")?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let mut header = MAGIC.to_vec();
        header.extend_from_slice(&VERSION.to_le_bytes());
        if let Err(error) = file.write_all(&header) {
            drop(file);
            let _ = std::fs::remove_file(path);
            return Err(error);
        }
        Ok(Self { path: path.to_owned(), file, length: FILE_HEADER as u64, records: 0, frame: Vec::new() })
    }

    /// Appends a record, whole or not at all.
    pub(super) fn append(&mut self, payload: &[u8]) -> io::Result<()> {
        let mut frame = std::mem::take(&mut self.frame);
        begin_frame(&mut frame);
        frame.extend_from_slice(payload);
        end_frame(&mut frame);
        let written = self.append_frame(&frame);
        if frame.capacity() <= 1 << 20 {
            self.frame = frame;
        }
        written
    }

    /// Appends what [`begin_frame`] and [`end_frame`] have made, whole or not at all.
    pub(super) fn append_frame(&mut self, frame: &[u8]) -> io::Result<()> {
        if let Err(error) = self.write(frame) {
            // Half a record would hide what is written after it.
            let _ = self.file.set_len(self.length);
            let _ = io::Seek::seek(&mut self.file, io::SeekFrom::Start(self.length));
            return Err(error);
        }
        self.length += frame.len() as u64;
        self.records += 1;
        Ok(())
    }

    fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        if failpoint::is_last() {
            // A process is killed in the middle of it.
            self.file.write_all(&frame[..frame.len() / 2])?;
            panic!("killed in a write");
        } else if let Err(error) = failpoint::io("write") {
            self.file.write_all(&frame[..frame.len() / 2])?;
            return Err(error);
        }
        self.file.write_all(frame)
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Asks the system to put everything on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        failpoint::io("sync")?;
        self.file.sync_data()
    }
}

/// Deletes a file.
pub(super) fn delete(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    failpoint::io("delete")?;
    std::fs::remove_file(path)
}

/// Empties `frame` and leaves room for the header; the payload is to be appended.
pub(super) fn begin_frame(frame: &mut Vec<u8>) {
    frame.clear();
    frame.resize(RECORD_HEADER, 0);
}

/// Writes the header of the payload that was appended.
pub(super) fn end_frame(frame: &mut [u8]) {
    if let Some((head, payload)) = frame.split_first_chunk_mut::<RECORD_HEADER>() {
        head[..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        head[4..].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    }
}

/// What a file held.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) payloads: Vec<Vec<u8>>,
    /// Records, or rests of the file, that could not be read.
    pub(super) damaged: u64,
}

/// Reads a file.
pub(super) fn read(path: &Path) -> io::Result<Contents> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(parse(&bytes))
}

/// Reads the bytes of a file. Never fails: damage is a normal input.
pub(super) fn parse(bytes: &[u8]) -> Contents {
    let mut contents = Contents::default();
    let known = bytes.strip_prefix(MAGIC).and_then(|rest| rest.strip_prefix(&VERSION.to_le_bytes()));
    let Some(mut rest) = known else {
        contents.damaged = u64::from(!bytes.is_empty());
        return contents;
    };
    while let Some((head, after)) = rest.split_first_chunk::<RECORD_HEADER>() {
        let [l0, l1, l2, l3, c0, c1, c2, c3] = *head;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let checksum = u32::from_le_bytes([c0, c1, c2, c3]);
        // A tail of zeros is what some file systems leave where a write did not arrive.
        let payload = (length > 0 && length <= MAX_PAYLOAD).then(|| after.get(..length)).flatten();
        let Some(payload) = payload else {
            contents.damaged += 1;
            return contents;
        };
        if crc32fast::hash(payload) == checksum {
            contents.payloads.push(payload.to_vec());
        } else {
            contents.damaged += 1;
        }
        rest = &after[length..];
    }
    contents.damaged += u64::from(!rest.is_empty());
    contents
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(payloads: &[&[u8]]) -> Vec<u8> {
        let folder = tempfile("segment");
        let path = folder.join("1.seg");
        let mut segment = Segment::create(&path).unwrap();
        for payload in payloads {
            segment.append(payload).unwrap();
        }
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len() as u64, segment.length());
        std::fs::remove_dir_all(folder).unwrap();
        bytes
    }

    fn tempfile(name: &str) -> PathBuf {
        let unique = crate::model::random_u64();
        let path = std::env::temp_dir().join(format!("galileo-{name}-{}-{unique:x}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    const PAYLOADS: [&[u8]; 3] = [b"first", b"the second, a little longer", b"3"];

    #[test]
    fn records_come_back() {
        let contents = parse(&written(&PAYLOADS));
        assert_eq!(contents.payloads, PAYLOADS);
        assert_eq!(contents.damaged, 0);
    }

    /// f52: every truncation keeps every record that is whole, and nothing else.
    #[test]
    fn f52_a_file_cut_anywhere_keeps_its_whole_records() {
        let bytes = written(&PAYLOADS);
        for end in 0..bytes.len() {
            let contents = parse(&bytes[..end]);
            assert!(
                PAYLOADS.starts_with(&contents.payloads.iter().map(Vec::as_slice).collect::<Vec<_>>()),
                "cut at {end}"
            );
            let whole = [17, 17 + 8 + 27, usize::MAX].iter().filter(|&&at| at.wrapping_add(8) <= end).count();
            assert!(contents.payloads.len() >= whole.saturating_sub(1), "cut at {end}");
        }
    }

    /// f52: no flipped bit delivers a record that was never written.
    #[test]
    fn f52_no_flipped_bit_delivers_a_damaged_record() {
        let bytes = written(&PAYLOADS);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let contents = parse(&damaged);
                for payload in &contents.payloads {
                    assert!(PAYLOADS.contains(&payload.as_slice()), "bit {bit} of byte {at}");
                }
                assert!(contents.damaged > 0 || contents.payloads.len() == 3, "bit {bit} of byte {at}");
            }
        }
    }

    /// g16: the same for a segment as large as they are written while memory is short.
    #[test]
    #[ignore = "cargo xtask soak"]
    fn f52_every_cut_and_every_flipped_bit_of_64_kib() {
        let payloads: Vec<Vec<u8>> = (0..64_u8).map(|n| vec![n; 1000]).collect();
        let all: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
        let mut bytes = written(&all);
        assert!(bytes.len() >= 64_000);
        for end in 0..bytes.len() {
            let contents = parse(&bytes[..end]);
            assert!(payloads.starts_with(&contents.payloads), "cut at {end}");
            assert_eq!(contents.payloads.len(), end.saturating_sub(FILE_HEADER) / 1008, "cut at {end}");
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                let contents = parse(&bytes);
                bytes[at] ^= 1 << bit;
                assert!(contents.damaged > 0, "bit {bit} of byte {at}");
                assert!(contents.payloads.iter().all(|payload| payloads.contains(payload)), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn f52_foreign_files_other_versions_and_tails_of_zeros_are_damage() {
        let bytes = written(&PAYLOADS);
        let mut newer = bytes.clone();
        newer[8] = 2;
        let mut zeros = bytes.clone();
        zeros.resize(bytes.len() + 4096, 0);
        assert_eq!(parse(&newer), Contents { payloads: vec![], damaged: 1 });
        assert_eq!(parse(b"#!/bin/sh"), Contents { payloads: vec![], damaged: 1 });
        assert_eq!(parse(b""), Contents::default());
        assert_eq!((parse(&zeros).payloads.len(), parse(&zeros).damaged), (3, 1));
    }

    #[test]
    fn f55_a_file_or_link_that_is_there_is_not_written_to() {
        let folder = tempfile("link");
        let target = folder.join("precious");
        std::fs::write(&target, "precious").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(&target, folder.join("1.seg")).unwrap();
        #[cfg(not(unix))]
        std::fs::copy(&target, folder.join("1.seg")).unwrap();
        assert!(Segment::create(&folder.join("1.seg")).is_err());
        assert_eq!(std::fs::read(&target).unwrap(), b"precious");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
