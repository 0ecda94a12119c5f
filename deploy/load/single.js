// One prediction a request, 1,000 requests a second. See README.md.
import http from "k6/http";
import exec from "k6/execution";
import { INSTANCES, URL, checked, options as shared, parameters } from "./common.js";

export const options = shared(1000);

export default function () {
  const instance = INSTANCES[exec.scenario.iterationInTest % INSTANCES.length];
  checked(http.post(URL, JSON.stringify(instance), parameters()), (body) => [body], 1);
}
