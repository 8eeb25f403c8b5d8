// The package's own types would bring those of a browser into every file.
declare module "jsdom" {
  export class JSDOM {
    constructor(html: string);
    readonly window: { readonly document: unknown };
  }
}
