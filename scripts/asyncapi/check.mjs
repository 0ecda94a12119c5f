// Says what AsyncAPI's own parser, with its parser of Avro, finds in a document; ends with 1 where that is an error or a warning.
import { readFileSync } from 'node:fs';

import { AvroSchemaParser } from '@asyncapi/avro-schema-parser';
import { Parser } from '@asyncapi/parser';

const path = process.argv[2];
const parser = new Parser();
parser.registerSchemaParser(AvroSchemaParser());
const { document, diagnostics } = await parser.parse(readFileSync(path, 'utf8'));
const severities = ['error', 'warning', 'information', 'hint'];
for (const found of diagnostics) {
  console.log(`${path}:${found.range.start.line + 1} ${severities[found.severity]} ${found.code}: ${found.message}`);
}
const wrong = diagnostics.some((found) => found.severity <= 1);
if (document && !wrong) {
  console.log(`asyncapi: ${path} is valid (AsyncAPI ${document.version()}): ${document.channels().all().length} channels, ` +
    `${document.operations().all().length} operations, ${document.messages().all().length} messages`);
}
process.exit(document && !wrong ? 0 : 1);
