use crate::log;
use crate::pipeline::recorded::recorded;
use futures::executor::block_on;

#[log(crate = crate)]
fn plain(query: &str, top_k: usize) -> String {
    format!("{query}{top_k}")
}

#[log(crate = crate, span_type = "tool", name = "search {index}")]
async fn search(index: &str, password: &str) -> Result<Vec<u8>, std::num::ParseIntError> {
    let number: u8 = index.parse()?;
    plain(password, 1);
    Ok(vec![number])
}

#[test]
fn functions_record_their_calls() {
    let lines = recorded(|| {
        plain("why", 3);
        let _ = block_on(search("7", "hunter2"));
        let _ = block_on(search("x", "hunter2"));
    });
    assert_eq!(
        lines,
        [
            "start plain under - query=why top_k=3",
            "ok plain =why3",
            "start search 7 under - index=7 password=[redacted]",
            "start plain under search 7 query=hunter2 top_k=1",
            "ok plain =hunter21",
            "ok search 7 =[7]",
            "start search x under - index=x password=[redacted]",
            "error search x =invalid digit found in string =",
        ]
    );
}
