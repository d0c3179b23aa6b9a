// An Express service with LangSmith's JavaScript package: `/echo` says what it read, `/call` calls another service from a run below.

import express from "express";
import { RunTree } from "langsmith";

const app = express();
app.use(express.json());

const described = (run) =>
  run && {
    trace: run.trace_id,
    run: run.id,
    dotted_order: run.dotted_order,
    tags: run.tags,
    metadata: run.extra?.metadata ?? {},
    project: run.project_name,
  };

app.post("/echo", (request, response) => {
  response.json({ read: described(RunTree.fromHeaders(request.headers)) ?? null, headers: request.headers });
});

app.post("/call", async (request, response) => {
  const parent = RunTree.fromHeaders(request.headers) ?? new RunTree({ name: "root", tags: ["from js"], metadata: { user: "ann" } });
  const child = parent.createChild({ name: "child" });
  const answer = await fetch(request.body.url, { method: "POST", headers: { "content-type": "application/json", ...child.toHeaders() }, body: "{}" });
  response.json({ here: described(child), answer: await answer.json() });
});

const server = app.listen(0, "127.0.0.1", () => console.log(`express listens on http://127.0.0.1:${server.address().port}`));
process.stdin.resume();
process.stdin.on("end", () => server.close(() => process.exit(0)));
