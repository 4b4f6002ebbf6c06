// The AI SDK (package `ai`) with its OpenAI provider: chat completions and Responses.

import { createOpenAI } from "@ai-sdk/openai";
import { generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { apiKey, baseURL, long, question, run, weather, words } from "./told.mjs";

const openai = createOpenAI({ baseURL, apiKey });
const settings = { maxRetries: 0, maxOutputTokens: 4000 };

async function tools(model) {
  const called = [];
  const { text } = await generateText({
    model,
    ...settings,
    prompt: question,
    stopWhen: stepCountIs(4),
    tools: {
      get_weather: tool({
        description: "Weather of a city",
        inputSchema: z.object({ city: z.string() }),
        execute: async ({ city }) => {
          called.push(city);
          return weather(city);
        },
      }),
    },
  });
  return { called, text };
}

async function structured(model) {
  const schema = z.object({ label: z.string(), score: z.number() });
  const { output } = await generateText({
    model,
    ...settings,
    prompt: "Judge this tea.",
    output: Output.object({ schema }),
  });
  return output;
}

async function longStream(model) {
  let failure = null;
  const onError = ({ error }) => {
    failure = error;
  };
  const result = streamText({ model, ...settings, prompt: long, onError });
  const pieces = [];
  for await (const piece of result.textStream) pieces.push(piece);
  if (failure) throw failure;
  const text = await result.text;
  const usage = await result.usage;
  return {
    pieces: pieces.length,
    same: pieces.join("") === text && usage.outputTokens > 0,
    words: words(text),
  };
}

await run({
  chat_tools: (model) => tools(openai.chat(model)),
  chat_structured: (model) => structured(openai.chat(model)),
  chat_long_stream: (model) => longStream(openai.chat(model)),
  responses_tools: (model) => tools(openai.responses(model)),
  responses_structured: (model) => structured(openai.responses(model)),
  responses_long_stream: (model) => longStream(openai.responses(model)),
});
