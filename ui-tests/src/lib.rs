//! The cases live in `pass/` and `fail/`; the runner is in `tests/`.
