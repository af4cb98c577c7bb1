import { existsSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { renderHtml } from '../../src/report/html.ts'
import { sampleReport } from './sample-report.ts'

const CHROMIUM =
  process.env.LIP_ONNX_CHROMIUM ??
  ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
if (!CHROMIUM) console.warn('Skipped: no Chromium, so the page is not looked at (set LIP_ONNX_CHROMIUM).')

describe.skipIf(!CHROMIUM)('the page in a browser', () => {
  let browser: Browser
  let path: string
  const shots = process.env.LIP_ONNX_SHOTS

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM!, args: ['--no-sandbox'] })
    path = join(await mkdtemp(join(tmpdir(), 'lip-onnx-page-')), 'report.html')
    await writeFile(path, renderHtml(await sampleReport()))
  }, 120_000)
  afterAll(() => browser?.close())

  it.each([
    ['light', 1180, 900],
    ['dark', 1180, 900],
    ['light', 375, 800],
    ['dark', 375, 800],
  ] as const)('is complete and fits: %s, %i wide', async (colorScheme, width, height) => {
    const page = await browser.newPage({ colorScheme, viewport: { width, height } })
    const requests: string[] = []
    const problems: string[] = []
    page.on('request', (request) => requests.push(request.url()))
    page.on('console', (message) => problems.push(message.text()))
    page.on('pageerror', (error) => problems.push(error.message))
    await page.goto(`file://${path}`)
    expect(problems).toEqual([])
    expect(requests.filter((url) => !url.startsWith('file://') && !url.startsWith('data:'))).toEqual([])
    expect(await page.locator('h1').textContent()).toBe('model.onnx')
    expect(await page.locator('.pictures figure').count()).toBe(10)
    expect(await page.locator('.pictures img').count()).toBe(28)
    // Every picture really decodes.
    expect(await page.evaluate(() => [...document.images].every((image) => image.naturalWidth === 28))).toBe(true)
    // The certified curve is there in two sizes, of which one is shown; with it loss, accuracy and KR.
    expect(await page.locator('svg.chart').count()).toBe(5)
    expect(await page.locator('svg.chart:visible').count()).toBe(4)
    expect(await page.getByText('head <last & "best">').first().isVisible()).toBe(true)
    // Nothing makes the page scroll sideways; wide tables scroll in their own box.
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
    const contrast = await page.evaluate(() => {
      const luminance = (color: string) => {
        const [r, g, b] = color
          .match(/\d+/g)!
          .slice(0, 3)
          .map((part) => {
            const c = Number(part) / 255
            return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
          }) as [number, number, number]
        return 0.2126 * r + 0.7152 * g + 0.0722 * b
      }
      const body = getComputedStyle(document.body)
      const [a, b] = [luminance(body.color), luminance(body.backgroundColor)]
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
    })
    expect(contrast).toBeGreaterThan(7)
    if (shots) await page.screenshot({ path: join(shots, `page-${colorScheme}-${width}.png`), fullPage: true })
    await page.close()
  })
})
