// The official OpenAI client for JavaScript: chat completions and Responses.

import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { apiKey, baseURL, long, question, run, weather, weatherSchema, words } from "./told.mjs";

const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const Verdict = z.object({ label: z.string(), score: z.number() });

async function chatTools(model) {
  const called = [];
  const runner = client.chat.completions.runTools({
    model,
    messages: [{ role: "user", content: question }],
    tools: [
      {
        type: "function",
        function: {
          name: "get_weather",
          description: "Weather of a city",
          parameters: weatherSchema,
          parse: JSON.parse,
          function: ({ city }) => {
            called.push(city);
            return weather(city);
          },
        },
      },
    ],
  });
  return { called, text: await runner.finalContent() };
}

async function chatStructured(model) {
  const completion = await client.chat.completions.parse({
    model,
    messages: [{ role: "user", content: "Judge this tea." }],
    response_format: zodResponseFormat(Verdict, "verdict"),
  });
  return completion.choices[0].message.parsed;
}

async function chatLongStream(model) {
  const stream = client.chat.completions.stream({
    model,
    messages: [{ role: "user", content: long }],
    max_completion_tokens: 4000,
    stream_options: { include_usage: true },
  });
  const pieces = [];
  stream.on("content", (delta) => pieces.push(delta));
  const completion = await stream.finalChatCompletion();
  const text = completion.choices[0].message.content;
  return {
    pieces: pieces.length,
    same: pieces.join("") === text && completion.usage.completion_tokens > 0,
    words: words(text),
  };
}

async function responsesTools(model) {
  const called = [];
  const tools = [
    { type: "function", name: "get_weather", parameters: weatherSchema, strict: true },
  ];
  let response = await client.responses.create({ model, input: question, tools });
  for (let turn = 0; turn < 3; turn += 1) {
    const calls = response.output.filter((item) => item.type === "function_call");
    if (calls.length === 0) break;
    const input = calls.map((call) => {
      const { city } = JSON.parse(call.arguments);
      called.push(city);
      return { type: "function_call_output", call_id: call.call_id, output: weather(city) };
    });
    const previous_response_id = response.id;
    response = await client.responses.create({ model, input, tools, previous_response_id });
  }
  return { called, text: response.output_text };
}

async function responsesStructured(model) {
  const response = await client.responses.parse({
    model,
    input: "Judge this tea.",
    text: { format: zodTextFormat(Verdict, "verdict") },
  });
  return response.output_parsed;
}

async function responsesLongStream(model) {
  const stream = client.responses.stream({ model, input: long, max_output_tokens: 4000 });
  const pieces = [];
  let next = 0;
  let ordered = true;
  for await (const event of stream) {
    ordered &&= event.sequence_number === next;
    next += 1;
    if (event.type === "response.output_text.delta") pieces.push(event.delta);
  }
  const response = await stream.finalResponse();
  return {
    pieces: pieces.length,
    same: ordered && pieces.join("") === response.output_text && response.status === "completed",
    words: words(response.output_text),
  };
}

await run({
  chat_tools: chatTools,
  chat_structured: chatStructured,
  chat_long_stream: chatLongStream,
  responses_tools: responsesTools,
  responses_structured: responsesStructured,
  responses_long_stream: responsesLongStream,
});
