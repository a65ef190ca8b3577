-- Has wrk send a POST with content of so many bytes as BENCH_BODY_BYTES says.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/octet-stream"
wrk.body = string.rep("x", tonumber(os.getenv("BENCH_BODY_BYTES")))
