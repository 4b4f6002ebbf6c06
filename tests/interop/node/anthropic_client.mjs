// The official Anthropic client for JavaScript, on POST /v1/messages.

import Anthropic from "@anthropic-ai/sdk";
import { apiKey, baseURL, long, question, run, weather, weatherSchema, words } from "./told.mjs";

const client = new Anthropic({ baseURL: baseURL.replace(/\/v1$/, ""), apiKey, maxRetries: 0 });
const tools = [
  { name: "get_weather", description: "Weather of a city", input_schema: weatherSchema },
];

const textOf = (message) =>
  message.content
    .filter((block) => block.type === "text")
    .map((block) => block.text)
    .join("");

async function messagesTools(model) {
  const called = [];
  const messages = [{ role: "user", content: question }];
  let message;
  for (let turn = 0; turn < 4; turn += 1) {
    message = await client.messages.create({ model, max_tokens: 4000, messages, tools });
    messages.push({ role: "assistant", content: message.content });
    if (message.stop_reason !== "tool_use") break;
    const results = message.content
      .filter((block) => block.type === "tool_use")
      .map((block) => {
        called.push(block.input.city);
        return {
          type: "tool_result",
          tool_use_id: block.id,
          content: weather(block.input.city),
        };
      });
    messages.push({ role: "user", content: results });
  }
  return { called, text: textOf(message) };
}

async function messagesLongStream(model) {
  const messages = [{ role: "user", content: long }];
  const stream = client.messages.stream({ model, max_tokens: 4000, messages });
  const pieces = [];
  stream.on("text", (piece) => pieces.push(piece));
  const message = await stream.finalMessage();
  const text = textOf(message);
  return {
    pieces: pieces.length,
    same: pieces.join("") === text && message.usage.output_tokens > 0,
    words: words(text),
  };
}

async function messagesCount(model) {
  const messages = [{ role: "user", content: question }];
  const { input_tokens: tokens } = await client.messages.countTokens({ model, messages, tools });
  return { tokens };
}

await run({
  messages_tools: messagesTools,
  messages_long_stream: messagesLongStream,
  messages_count: messagesCount,
});
