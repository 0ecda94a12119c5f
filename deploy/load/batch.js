// SIZE predictions a request (100), 20 requests a second. See README.md.
import http from "k6/http";
import exec from "k6/execution";
import { INSTANCES, URL, checked, options as shared, parameters } from "./common.js";

export const options = shared(20);

const SIZE = Number(__ENV.SIZE || 100);

export default function () {
  const first = exec.scenario.iterationInTest * SIZE;
  const instances = [];
  for (let k = 0; k < SIZE; k++) {
    instances.push(INSTANCES[(first + k) % INSTANCES.length]);
  }
  const response = http.post(URL, JSON.stringify({ instances: instances }), parameters());
  checked(response, (body) => body.predictions, SIZE);
}
