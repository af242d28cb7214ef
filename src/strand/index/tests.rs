use super::*;
use crate::strand::fixture;
use crate::strand::fixture::Extent;
use crate::strand::fixture::KEY;
use crate::strand::fixture::STRAND;
use crate::strand::fixture::batch;
use crate::strand::fixture::hex;

const INDEX: IndexId = IndexId(12);

fn sample() -> (RunMap, Vec<Use>, Vec<u8>) {
    let mut runs = RunMap::default();
    let mut uses = Vec::new();
    for number in 1..=3_u64 {
        let mut extent = Extent::new(number as u32 + 10, number, number * 100, 256 << 10);
        let base = number as Offset * 2;
        extent.append(&[(9, base, batch(2, 100, 1)), (number, 0, batch(1, 50, 2))]);
        extent.runs.iter().for_each(|placed| runs.insert(*placed));
        uses.push(extent.place);
    }
    let mut file = vec![0xa5; index_bytes(&uses, &runs)];
    encode_index(&KEY, STRAND, INDEX, &uses, &runs, &mut file);
    (runs, uses, file)
}

#[test]
fn an_index_gives_back_its_runs_and_sums_them_up() {
    let (runs, uses, file) = sample();
    let head = IndexHead::parse(&file, &KEY, STRAND, INDEX).unwrap();
    assert_eq!(head.uses, uses);
    assert_eq!(head.file_bytes(), file.len() as u64);
    let all: Vec<PlacedRun> = runs.iter().copied().collect();
    assert_eq!(head.runs(&KEY, &file).unwrap(), all);
    let summary = &file[head.summary_start() as usize..];
    let summaries = head.summaries(summary).unwrap();
    assert_eq!(summaries.len(), 6);
    let nine = summaries.iter().find(|of| of.partition.0 == 9 && of.place == uses[1]).unwrap();
    assert_eq!(
        (nine.from, nine.to, nine.bytes, nine.batches),
        (4, 6, batch(2, 100, 1).len() as u64, 1)
    );
}

#[test]
fn steps_of_any_length_write_the_same_index() {
    let mut runs = RunMap::default();
    let mut uses = Vec::new();
    for number in 1..=3_u64 {
        let mut extent = Extent::new(number as u32 + 10, number, number * 100, 256 << 10);
        let batches: Vec<_> = (0..60).map(|at| (at, number as Offset, batch(1, 70, 1))).collect();
        extent.append(&batches);
        extent.runs.iter().for_each(|placed| runs.insert(*placed));
        uses.push(extent.place);
    }
    let mut at_once = vec![0xa5; index_bytes(&uses, &runs)];
    encode_index(&KEY, STRAND, INDEX, &uses, &runs, &mut at_once);
    for rows in [1, 7, 100, 1000] {
        let mut writer = builder(&uses, &runs).write();
        let mut file = vec![0xa5; at_once.len()];
        let mut steps = 1;
        while !writer.step(&KEY, STRAND, INDEX, &mut file, rows) {
            steps += 1;
        }
        assert!(file == at_once, "{rows} at a time");
        assert_eq!(steps == 1, rows == 1000, "{steps} steps of {rows}");
        assert_eq!(writer.into_uses(), uses);
    }
}

#[test]
fn any_flipped_bit_is_seen() {
    let (_, _, file) = sample();
    let is_seen = |bytes: &[u8]| {
        let Some(head) = IndexHead::parse(bytes, &KEY, STRAND, INDEX) else { return true };
        let summary = &bytes[head.summary_start() as usize..];
        head.runs(&KEY, bytes).is_none() || head.summaries(summary).is_none()
    };
    assert!(!is_seen(&file));
    assert_eq!(fixture::unseen_flips(&file, is_seen), [0; 0]);
}

#[test]
fn another_file_is_told_apart_and_a_cut_one_refused() {
    let (_, _, file) = sample();
    assert!(IndexHead::parse(&file, &KEY, STRAND, IndexId(13)).is_none());
    assert!(IndexHead::parse(&file, &KEY, StrandId(9), INDEX).is_none());
    let head = IndexHead::parse(&file, &KEY, STRAND, INDEX).unwrap();
    for cut in 0..PAGE {
        assert!(IndexHead::parse(&file[..cut], &KEY, STRAND, INDEX).is_none());
    }
    assert!(head.runs(&KEY, &file[..PAGE + 100]).is_none());
    assert!(head.summaries(&file[..100]).is_none());
}

#[test]
fn an_index_without_runs_is_an_index() {
    let runs = RunMap::default();
    let mut file = vec![0xa5; index_bytes(&[], &runs)];
    encode_index(&KEY, STRAND, INDEX, &[], &runs, &mut file);
    let head = IndexHead::parse(&file, &KEY, STRAND, INDEX).unwrap();
    assert_eq!(head.runs(&KEY, &file), Some(Vec::new()));
    assert_eq!(head.summary_bytes(), 0);
    assert_eq!(head.summaries(&[]), Some(Vec::new()));
}

#[test]
fn the_format_of_an_index_is_frozen() {
    let (_, _, file) = sample();
    assert_eq!(
        hex(&file[..100]),
        "534c6978010003000c0000000000000001000000010000000300000006000000\n\
         425f220b00000000000000000000000000000000000000000000000000000000\n\
         01000000000000000b00000002000000000000000c0000000300000000000000\n\
         0d000000"
    );
    assert_eq!(hex(&file[PAGE - 4..PAGE]), "e9ee974b");
    assert_eq!(
        hex(&file[2 * PAGE..2 * PAGE + 40]),
        "0100000000000000000000000000000001000000000000007600000000000000\n\
         0000000001000000"
    );
}
