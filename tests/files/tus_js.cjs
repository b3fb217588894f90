// Uploads a file with tus-js-client as a script of a user would: URL, file, metadata as JSON, authorization.
const fs = require("fs");
const tus = require("tus-js-client");

const [url, path, metadata, authorization] = process.argv.slice(2);
const upload = new tus.Upload(fs.createReadStream(path), {
  endpoint: url,
  headers: { Authorization: authorization },
  metadata: JSON.parse(metadata),
  chunkSize: 400_000,
  retryDelays: Array(200).fill(20),
  onError: (error) => {
    console.error(String(error));
    process.exit(1);
  },
  onSuccess: () => console.log(upload.url),
});
upload.start();
