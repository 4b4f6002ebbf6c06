// How these scripts get their work and tell what came of it: a line of JSON for each scenario.
// Arguments: the gateway's base URL, a key, and the models to try.

export const [baseURL, apiKey, ...models] = process.argv.slice(2);
export const question = "What is the weather in Bern and Rome?";
export const long = "Write 1500 words about tea.";
export const weather = (city) => `sunny, 21 degrees in ${city}`;
export const words = (text) => text.split(/\s+/).filter(Boolean).length;

export const weatherSchema = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};

// Try every scenario with every model.
export async function run(scenarios) {
  for (const model of models) {
    for (const [scenario, attempt] of Object.entries(scenarios)) {
      const line = { scenario, model };
      try {
        Object.assign(line, await attempt(model));
      } catch (error) {
        line.error = `${error.stack}\n${JSON.stringify(error)}`;
      }
      console.log(JSON.stringify(line));
    }
  }
}
