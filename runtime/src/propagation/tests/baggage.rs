use super::*;

fn read(lines: &[&str]) -> (String, Vec<(Header, Reason)>) {
    let lines: Vec<(&str, &[u8])> = lines.iter().map(|line| ("baggage", line.as_bytes())).collect();
    let remote = extract(&lines);
    (remote.baggage.to_string(), rejected(&remote))
}

const MALFORMED: [(Header, Reason); 1] = [(Header::Baggage, Reason::Malformed)];
const OVERSIZED: [(Header, Reason); 1] = [(Header::Baggage, Reason::Oversized)];

#[test]
fn members_come_through_untouched() {
    for (line, expected, counted, why) in [
        ("a=1", "a=1", false, "one"),
        ("a=1,b=2", "a=1,b=2", false, "two"),
        (
            "a=1;ttl=5;secure , b = 2 ; p = q",
            "a=1;ttl=5;secure,b = 2 ; p = q",
            false,
            "properties and inner spaces stay",
        ),
        ("a=%20x%2C,b=%zz", "a=%20x%2C,b=%zz", false, "no decoding on the way"),
        ("a=", "a=", false, "an empty value"),
        ("a=1,a=2", "a=1,a=2", false, "a key that comes twice"),
        ("a=b=c", "a=b=c", false, "`=` in a value"),
        ("a=1,,b=2,", "a=1,b=2", false, "empty members"),
        ("", "", false, "an empty header"),
        ("a=1,nonsense,b=2", "a=1,b=2", true, "a member without `=`; its neighbours belong to somebody else"),
        ("a b=1,c=2", "c=2", true, "a key that is no token"),
        ("=1,c=2", "c=2", true, "no key"),
        ("a=x y,c=2", "c=2", true, "a space in a value"),
        ("a=\"x\",c=2", "c=2", true, "quotes in a value"),
        ("a=x\\y,c=2", "c=2", true, "a backslash in a value"),
        ("a=é,c=2", "c=2", true, "not ASCII"),
        ("a=1;p=é,c=2", "c=2", true, "a property that is not ASCII"),
    ] {
        let (text, rejected) = read(&[line]);
        assert_eq!(text, expected, "{why}");
        assert_eq!(rejected == MALFORMED, counted, "{why}");
    }
}

#[test]
fn limits_hold_over_all_lines_together() {
    let line = |length: usize| format!("k={}", "v".repeat(length - 2));
    assert_eq!(read(&[&line(8192)]), (line(8192), vec![]));
    assert_eq!(read(&[&line(8193)]), (String::new(), OVERSIZED.to_vec()));
    assert_eq!(read(&[&line(4096), &line(4096)]).1, vec![]);
    assert_eq!(read(&[&line(4096), &line(4096), "k"]), (String::new(), OVERSIZED.to_vec()));
    let members = |range: std::ops::Range<u32>| range.map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
    assert_eq!(read(&[&members(0..64)]), (members(0..64), vec![]));
    assert_eq!(read(&[&members(0..65)]), (String::new(), OVERSIZED.to_vec()));
    assert_eq!(read(&[&members(0..32), &members(32..64)]), (members(0..64), vec![]));
    assert_eq!(read(&[&members(0..32), &members(32..65)]), (String::new(), OVERSIZED.to_vec()));
    let empty = vec![""; 2000];
    assert_eq!(read(&empty), (String::new(), OVERSIZED.to_vec()), "empty lines cost no bytes but have a bound");
}

#[test]
fn values_are_decoded_when_they_are_asked_for() {
    let baggage = Baggage::parse(b"a=%7B%22x%22%3A1%7D,b = 1 ;p=2,c=%zz%4,d=%ff").unwrap();
    assert_eq!(baggage.get("a").as_deref(), Some("{\"x\":1}"));
    assert_eq!(baggage.get("b").as_deref(), Some("1"));
    assert_eq!(baggage.get("c").as_deref(), Some("%zz%4"), "what is no encoding stays");
    assert_eq!(baggage.get("d").as_deref(), Some("\u{fffd}"), "bytes that are no UTF-8");
    assert_eq!(baggage.get("A"), None, "keys have a case");
    assert_eq!(baggage.iter().map(|(key, _)| key).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
}

#[test]
fn inserted_members_are_encoded_and_bounded() {
    let mut baggage = Baggage::default();
    assert!(baggage.insert("user", "ann, \"bob\"\r\n\0;é"));
    assert_eq!(baggage.to_string(), "user=ann%2C%20%22bob%22%0D%0A%00%3B%C3%A9");
    assert_eq!(baggage.get("user").as_deref(), Some("ann, \"bob\"\r\n\0;é"));
    assert!(baggage.insert("user", "x"));
    assert_eq!(baggage.to_string(), "user=x", "replaced");
    for key in ["", "a b", "a,b", "é", "a\n"] {
        assert!(!baggage.insert(key, "x"), "{key:?} is no token");
    }
    assert!(baggage.insert("user", &"x".repeat(8187)));
    assert_eq!(baggage.to_string().len(), 8192);
    assert!(!baggage.insert("user", &"x".repeat(8188)));
    assert!(!baggage.insert("b", ""));
    assert!(baggage.remove("user") && baggage.is_empty());
    for n in 0..64 {
        assert!(baggage.insert(&format!("k{n}"), "v"));
    }
    assert!(!baggage.insert("k64", "v"));
    assert!(baggage.insert("k63", "w"), "replacing needs no room");
}

#[test]
fn an_applications_own_baggage_wins_and_stays() {
    let outgoing = OutgoingContext { baggage: Baggage::parse(b"tenant=ours,plan=pro").unwrap(), ..Default::default() };
    let into = |present: &[&str]| {
        let mut map = HeaderMap::new();
        for line in present {
            map.append("baggage", HeaderValue::from_str(line).unwrap());
        }
        Propagators::default().inject(&outgoing, &mut map);
        lines_of(&map)
    };
    assert_eq!(into(&[]), ["baggage: tenant=ours,plan=pro"]);
    assert_eq!(into(&["tenant=theirs"]), ["baggage: tenant=theirs,plan=pro"]);
    assert_eq!(into(&["x=1", "y=2"]), ["baggage: x=1,y=2,tenant=ours,plan=pro"]);
    assert_eq!(into(&["tenant=a,plan=b"]), ["baggage: tenant=a,plan=b"]);
    let full = format!("k={}", "v".repeat(8190));
    assert_eq!(into(&[&full]), [format!("baggage: {full}")], "no room: ours are left out");
    let over = format!("k={}", "v".repeat(8191));
    assert_eq!(into(&[&over]), [format!("baggage: {over}")], "an application may break the limits, we leave it alone");
    let nearly = format!("k={}", "v".repeat(8192 - 2 - 9));
    assert_eq!(into(&[&nearly]), [format!("baggage: {nearly},plan=pro")], "the one that fits is written");
}
