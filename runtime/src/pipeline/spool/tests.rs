use super::*;
use crate::model::random_u64;

fn settings(folder: &Path) -> SpoolSettings {
    SpoolSettings {
        mode: SpoolMode::OnFailure,
        folder: Some(folder.to_owned()),
        max_bytes: 64 << 20,
        max_age: Duration::from_secs(3600),
    }
}

fn temporary() -> PathBuf {
    std::env::temp_dir().join(format!("galileo-spool-{}-{:x}", std::process::id(), random_u64()))
}

fn spool(folder: &Path) -> Spool {
    Spool::in_folder(&settings(folder), &name("test", "http://localhost/project")).unwrap()
}

fn read_all(spool: &mut Spool) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(batch) = spool.next_batch() {
        all.extend(batch.records.iter().cloned());
        spool.finish(&batch);
    }
    all
}

#[test]
fn what_is_written_is_read_in_order_and_leaves_nothing_behind() {
    let folder = temporary();
    let mut spool = spool(&folder);
    assert!(spool.is_empty() && !folder.exists(), "nothing is made before it is needed");
    let records: Vec<Vec<u8>> = (0..5000_u32).map(|n| n.to_le_bytes().repeat(100)).collect();
    assert!(records.iter().all(|record| spool.append(record)));
    assert_eq!(read_all(&mut spool), records);
    assert!(spool.is_empty() && spool.bytes == 0);
    spool.shut_down();
    assert_eq!(std::fs::read_dir(spool.root()).unwrap().count(), 0);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn f54_a_process_that_is_gone_is_inherited_once_and_a_living_one_never() {
    let folder = temporary();
    let mut dead = spool(&folder);
    assert!(dead.append(b"left behind"));
    let mut early = spool(&folder);
    early.adopt();
    assert!(early.is_empty(), "its owner lives");
    drop(dead);
    let (mut first, mut second) = (spool(&folder), spool(&folder));
    first.adopt();
    second.adopt();
    assert!(second.is_empty(), "somebody else was faster");
    let batch = first.next_batch().unwrap();
    assert!(batch.foreign);
    assert_eq!(batch.records, [b"left behind"]);
    first.finish(&batch);
    assert_eq!(std::fs::read_dir(first.root()).unwrap().count(), 0, "the folder of the dead is gone");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_batch_that_was_not_finished_is_read_again() {
    let folder = temporary();
    let mut spool = spool(&folder);
    assert!(spool.append(b"once"));
    let batch = spool.next_batch().unwrap();
    spool.give_back(batch);
    assert_eq!(read_all(&mut spool), [b"once"]);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn f50_the_share_of_the_disk_is_kept_and_used_again_when_there_is_room() {
    let folder = temporary();
    let mut spool =
        Spool::in_folder(&SpoolSettings { max_bytes: 4096, ..settings(&folder) }, &name("test", "x")).unwrap();
    let record = vec![7; 1000];
    let taken = (0..10).take_while(|_| spool.append(&record)).count();
    assert!((3..=4).contains(&taken), "{taken}");
    assert_eq!(read_all(&mut spool).len(), taken);
    assert!(spool.append(&record));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn f56_spans_for_another_destination_and_old_ones_are_not_delivered_here() {
    let folder = temporary();
    let mut other = Spool::in_folder(&settings(&folder), &name("test", "http://localhost/other")).unwrap();
    assert!(other.append(b"for another project"));
    drop(other);
    let mut mine = spool(&folder);
    mine.adopt();
    assert!(mine.is_empty());
    let mut old = spool(&folder);
    assert!(old.append(b"old"));
    drop(old);
    let mut late = Spool::in_folder(
        &SpoolSettings { max_age: Duration::ZERO, ..settings(&folder) },
        &name("test", "http://localhost/project"),
    )
    .unwrap();
    late.adopt();
    assert!(late.is_empty());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn f56_what_was_left_for_a_destination_of_long_ago_goes_unless_it_is_held_or_young_or_not_ours() {
    let folder = temporary();
    let of = |destination: &str| {
        let mut spool = Spool::in_folder(&settings(&folder), &name("test", destination)).unwrap();
        assert!(spool.append(b"span"));
        spool
    };
    let (gone, damaged, living) = (of("http://gone"), of("http://damaged"), of("http://living"));
    let (left, hurt, held) = (gone.root().to_owned(), damaged.root().to_owned(), living.root().to_owned());
    drop((gone, damaged));
    let mut file = folder::kept(&std::fs::read_dir(&hurt).unwrap().flatten().next().unwrap().path());
    let file = file.pop().unwrap();
    std::fs::rename(&file, file.with_extension("damaged")).unwrap();
    let foreign = folder.join("photos/1-0123456789abcdef/holiday.seg");
    std::fs::create_dir_all(foreign.parent().unwrap()).unwrap();
    std::fs::write(&foreign, "not a span").unwrap();

    let count = |path: &Path| std::fs::read_dir(path).map_or(0, Iterator::count);
    expire(&settings(&folder));
    assert_eq!((count(&left), count(&hurt), count(&held)), (1, 1, 1), "an hour has not passed");
    expire(&SpoolSettings { mode: SpoolMode::Off, max_age: Duration::ZERO, ..settings(&folder) });
    assert_eq!(count(&left), 1, "a program without a spool leaves it alone");
    let long_after = SpoolSettings { max_age: Duration::ZERO, ..settings(&folder) };
    expire(&long_after);
    expire(&long_after);
    assert!(!left.exists() && !hurt.exists(), "too old, whatever destination it was for");
    assert_eq!(count(&held), 1, "its process lives");
    assert!(foreign.exists(), "not named as ours are");
    drop(living);
    expire(&long_after);
    assert_eq!(count(&held), 0);
    std::fs::remove_dir_all(folder).unwrap();
}

#[cfg(unix)]
#[test]
fn f55_folders_and_files_are_for_their_owner_alone_and_links_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = temporary();
    let mut private = spool(&folder);
    assert!(private.append(b"x"));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(private.root()), 0o700);
    for entry in std::fs::read_dir(private.root()).unwrap().flatten() {
        assert_eq!(mode(&entry.path()), 0o700);
        for file in std::fs::read_dir(entry.path()).unwrap().flatten() {
            assert_eq!(mode(&file.path()), 0o600, "{:?}", file.path());
        }
    }
    let elsewhere = temporary();
    std::fs::create_dir_all(&elsewhere).unwrap();
    let linked = temporary();
    std::fs::create_dir_all(&linked).unwrap();
    let mut refused = spool(&linked);
    std::os::unix::fs::symlink(&elsewhere, refused.root()).unwrap();
    assert!(!refused.append(b"x"), "a link");
    let open = temporary();
    let mut open_spool = spool(&open);
    std::fs::create_dir_all(open_spool.root()).unwrap();
    std::fs::set_permissions(open_spool.root(), std::fs::Permissions::from_mode(0o777)).unwrap();
    assert!(!open_spool.append(b"x"), "others may write there");
    for path in [folder, elsewhere, linked, open] {
        std::fs::remove_dir_all(path).unwrap();
    }
}

#[test]
fn f55_a_folder_that_disappears_is_made_again() {
    let folder = temporary();
    let mut spool = spool(&folder);
    assert!(spool.append(b"one"));
    std::fs::remove_dir_all(&folder).unwrap();
    spool.close();
    assert!(spool.append(b"two"));
    let gone = spool.next_batch().unwrap();
    assert_eq!((gone.records.len(), gone.lost), (0, 1), "what is gone is counted");
    spool.finish(&gone);
    assert_eq!(read_all(&mut spool), [b"two"]);
    std::fs::remove_dir_all(folder).unwrap();
}

/// Random actions against a plain queue in memory: what comes out is what went in, in order, but for what was open at a crash, which
/// may come twice.
#[test]
fn the_spool_behaves_like_a_queue_whatever_happens() {
    for seed in 1..20_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut chance = move |limit: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % limit
        };
        let folder = temporary();
        let mut real = spool(&folder);
        let mut model: std::collections::BTreeSet<u32> = std::collections::BTreeSet::new();
        let mut open: Option<Batch> = None;
        let mut next = 0_u32;
        for _ in 0..300 {
            match chance(10) {
                0..=5 => {
                    let size = 1 + chance(3000) as usize;
                    let record: Vec<u8> = next.to_le_bytes().into_iter().cycle().take(4 * size).collect();
                    assert!(real.append(&record));
                    model.insert(next);
                    next += 1;
                }
                6 | 7 if open.is_none() => open = real.next_batch(),
                8 => {
                    if let Some(batch) = open.take() {
                        for record in &batch.records {
                            let number = u32::from_le_bytes(record[..4].try_into().unwrap());
                            assert!(model.remove(&number), "seed {seed}: {number} was delivered twice without a crash");
                        }
                        assert_eq!(batch.damaged, 0);
                        real.finish(&batch);
                    }
                }
                9 if chance(5) == 0 => {
                    // The process dies and another one takes over.
                    open = None;
                    drop(real);
                    real = spool(&folder);
                    real.adopt();
                }
                _ => {}
            }
        }
        if let Some(batch) = open.take() {
            real.give_back(batch);
        }
        for record in read_all(&mut real) {
            let number = u32::from_le_bytes(record[..4].try_into().unwrap());
            assert!(model.remove(&number), "seed {seed}");
        }
        assert!(model.is_empty(), "seed {seed}: {} lost", model.len());
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn f50_a_disk_that_is_nearly_full_is_left_alone() {
    let folder = temporary();
    let mut spool = spool(&folder);
    spool.has_room = |_| false;
    assert!(!spool.append(b"no"));
    spool.has_room = |_| true;
    assert!(spool.append(b"yes"));
    assert_eq!(read_all(&mut spool), [b"yes"]);
    spool.shut_down();
    std::fs::remove_dir_all(folder).unwrap();
}
