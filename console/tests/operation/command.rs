//! What the command prints for shells and manuals.

use std::process::Command;

fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_galileo-console")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn completions_and_manual_know_every_subcommand() {
    let manual = printed(&["man"]);
    assert!(manual.starts_with(".ie") || manual.contains(".TH"), "{manual}");
    for name in ["serve", "traces", "show", "tail", "insights", "status", "doctor", "export", "import", "prune"] {
        assert!(manual.contains(name), "{name}");
        assert!(printed(&["man", name]).contains(".SH"), "{name}");
        for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
            assert!(printed(&["completions", shell]).contains(name), "{shell}: {name}");
        }
    }
    assert!(printed(&["completions", "bash"]).contains("--forward-header"));
}
