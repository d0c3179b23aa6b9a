use galileo::log;

#[log]
fn dangling(query: &str) -> &'static str {
    query
}

#[log]
fn moved(list: Vec<u8>) -> usize {
    drop(list);
    list.len()
}

#[log]
async fn not_send(list: Vec<u8>) -> usize {
    let counted = std::rc::Rc::new(list);
    std::future::ready(()).await;
    counted.len()
}

fn needs_send(_: impl Send) {}

fn main() {
    needs_send(not_send(vec![]));
}
