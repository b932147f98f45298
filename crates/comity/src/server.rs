//! placeholder until the server's branch is merged
#![expect(dead_code, reason = "the server's branch brings the callers")]
mod page;
