// Reads texts, one JSON string a line; answers each with a line `<encoding> <segments>`.
const { SegmentedMessage } = require('sms-segments-calculator');

const names = { 'GSM-7': 'gsm7', 'UCS-2': 'ucs2' };
const lines = require('node:readline').createInterface({ input: process.stdin, crlfDelay: Infinity });
lines.on('line', (line) => {
  const message = new SegmentedMessage(JSON.parse(line));
  process.stdout.write(`${names[message.encodingName]} ${message.segmentsCount}\n`);
});
