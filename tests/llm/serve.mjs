// Serves a small model on this machine's processor as OpenAI's chat completions: streamed and not, json_schema by grammar.
//
//   node serve.mjs FOLDER      FOLDER holds node_modules/node-llama-cpp and a .gguf file; the address is printed when it is ready
//
// A model whose name ends with -plain is served without json_schema, as older servers do.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const folder = resolve(process.argv[2]);
const entry = createRequire(join(folder, "package.json")).resolve("node-llama-cpp");
const { getLlama, LlamaChatSession } = await import(pathToFileURL(entry).href);

const file = readdirSync(folder, { recursive: true }).find((name) => String(name).endsWith(".gguf"));
const llama = await getLlama({ gpu: false, build: "never", maxThreads: 2, logLevel: "error" });
const model = await llama.loadModel({ modelPath: join(folder, file) });
const context = await model.createContext({ contextSize: 4096 });
const sequence = context.getSequence();
const name = "smollm2-135m";
let last = Promise.resolve(); // one answer at a time

/** Says one answer, piece by piece. */
async function say(body, signal, onTextChunk) {
  await sequence.clearHistory();
  const turns = body.messages.map((turn) => ({ role: turn.role, text: words(turn.content) }));
  const session = new LlamaChatSession({ contextSequence: sequence, autoDisposeSequence: false });
  const history = turns.slice(0, -1).map(({ role, text }) =>
    role === "assistant" ? { type: "model", response: [text] } : { type: role === "system" ? "system" : "user", text },
  );
  session.setChatHistory(history);
  const schema = body.response_format?.json_schema?.schema;
  const before = sequence.tokenMeter.getState();
  try {
    const answer = await session.promptWithMeta(turns.at(-1).text, {
      grammar: schema ? await llama.createGrammarForJsonSchema(schema) : undefined,
      maxTokens: body.max_tokens ?? body.max_completion_tokens ?? 512,
      temperature: body.temperature ?? 0,
      repeatPenalty: { penalty: 1.1 },
      stopOnAbortSignal: true,
      signal,
      onTextChunk,
    });
    const used = sequence.tokenMeter.diff(before);
    const usage = { prompt_tokens: used.usedInputTokens, completion_tokens: used.usedOutputTokens };
    usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
    return { text: answer.responseText, finish: answer.stopReason === "maxTokens" ? "length" : "stop", usage };
  } finally {
    session.dispose();
  }
}

const words = (content) => (Array.isArray(content) ? content.map((part) => part.text ?? "").join("") : (content ?? ""));

async function serve(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  if (request.method !== "POST" || !request.url.endsWith("/chat/completions")) {
    return send(response, 404, { error: { message: `there is no ${request.url} here`, type: "not_found_error" } });
  }
  const body = JSON.parse(Buffer.concat(chunks).toString());
  if (body.response_format && body.model?.endsWith("-plain")) {
    return send(response, 400, { error: { message: "response_format is not supported", type: "invalid_request_error" } });
  }
  const common = { id: "chatcmpl-1", created: Math.floor(Date.now() / 1000), model: name };
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  if (!body.stream) {
    const { text, finish, usage } = await say(body, gone.signal);
    const choices = [{ index: 0, message: { role: "assistant", content: text }, finish_reason: finish }];
    return send(response, 200, { ...common, object: "chat.completion", choices, usage });
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  const event = (rest) => response.write(`data: ${JSON.stringify({ ...common, object: "chat.completion.chunk", ...rest })}\n\n`);
  const { finish, usage } = await say(body, gone.signal, (content) =>
    event({ choices: [{ index: 0, delta: { content }, finish_reason: null }] }),
  );
  event({ choices: [{ index: 0, delta: {}, finish_reason: finish }] });
  if (body.stream_options?.include_usage) event({ choices: [], usage });
  response.end("data: [DONE]\n\n");
}

function send(response, status, value) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

const server = createServer((request, response) => {
  last = last
    .then(() => serve(request, response))
    .catch((error) => (response.headersSent ? response.destroy() : send(response, 400, { error: { message: String(error) } })));
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/v1`));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0)); // whoever started it has gone
