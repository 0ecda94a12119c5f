// What the scripts share: settings from the environment, the bar, and what every answer must be.
import { check } from "k6";

export const MODEL = __ENV.MODEL || "flight-delay";
export const URL = `${__ENV.TIDEMILL_URL || "http://localhost:8082"}/v1/models/${MODEL}/predict`;
export const INSTANCES = JSON.parse(open(__ENV.PAYLOAD || "./flight-delay.json"));

// An open loop: requests come at a rate of their own, however slow the answers. One that cannot be sent, since all
// virtual users wait, is a dropped iteration, and counts.
export function options(rate) {
  return {
    scenarios: {
      predict: {
        executor: "constant-arrival-rate",
        rate: Number(__ENV.RATE || rate),
        timeUnit: "1s",
        duration: __ENV.DURATION || "10m",
        preAllocatedVUs: 100,
        maxVUs: 1000,
      },
    },
    thresholds: {
      http_req_duration: ["p(95)<500", "p(99)<1000"],
      http_req_failed: ["rate<0.001"],
      dropped_iterations: ["count<1"],
      checks: ["rate>0.999"],
    },
    summaryTrendStats: ["med", "p(90)", "p(95)", "p(99)", "p(99.9)", "max"],
  };
}

export function parameters() {
  const headers = { "Content-Type": "application/json" };
  if (__ENV.TIDEMILL_KEY) {
    headers["Authorization"] = `Bearer ${__ENV.TIDEMILL_KEY}`;
  }
  return { headers: headers, tags: { name: "predict" } };
}

// `pick` takes the predictions out of the body. Versions may differ only during a trial, and the header names them all.
export function checked(response, pick, wanted) {
  const answered = response.status === 200;
  const predictions = answered ? pick(response.json()) : [];
  const named = (response.headers["X-Model-Version"] || "").split(",");
  check(response, {
    "answered": () => answered,
    "every instance has a prediction": () => predictions.length === wanted,
    "every prediction has an id": () => predictions.every((one) => one.prediction_id),
    "every version is named": () => predictions.every((one) => named.includes(String(one.version))),
  });
}
