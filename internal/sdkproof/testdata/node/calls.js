'use strict';

// Makes calls with the vendor's Node SDK: one JSON object a line on standard
// input is a call, one a line on standard output what the SDK made of its
// answer, in the same order. Ends with its input.

const readline = require('readline');
const RPCClient = require('@alicloud/pop-core').RPCClient;

const clients = new Map();

function client(call) {
  const name = JSON.stringify([call.endpoint, call.id, call.secret, call.token]);
  if (!clients.has(name)) {
    // The second argument makes the SDK return the HTTP status too.
    clients.set(name, new RPCClient({
      endpoint: call.endpoint, apiVersion: '2017-03-21', accessKeyId: call.id, accessKeySecret: call.secret,
      securityToken: call.token || undefined,
    }, true));
  }
  return clients.get(name);
}

async function make(call) {
  try {
    const [answer, entry] = await client(call).request(call.action, call.params, { method: call.method, timeout: 30000 });
    return { answer: answer, status: entry.response.statusCode };
  } catch (err) {
    return {
      failure: {
        code: err.code || '', name: err.name || '', message: err.message || String(err),
        requestId: (err.data && err.data.RequestId) || '',
        status: (err.entry && err.entry.response && err.entry.response.statusCode) || 0,
      },
    };
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await make(JSON.parse(line))) + '\n');
  }
  process.exit(0); // the SDK keeps connections open
}

main();
